"""What docs/scaling.md tells to type: units of systemd, certificates, a cluster that wants them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import ExitStack, contextmanager
from pathlib import Path
from string import Template

import pytest
import yaml

from tests.support.cluster import free_port

root = Path(__file__).parents[2]
page = (root / "docs" / "scaling.md").read_text(encoding="utf-8")
units = {
    name: root / "docs" / "systemd" / f"rnn-dask-{name}.service" for name in ("scheduler", "worker")
}
clone, settings = "/opt/rnn-retraining", "/etc/rnn-retraining"
client = """
import sys
from flows.runtime.engines import executor_of
with executor_of(sys.argv[1]) as executor:
    print(*executor.map(abs, [-1, -2]))
"""


def block(language: str) -> str:
    """The page's block of code in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return str(found)


def command(name: str, environment: dict[str, str]) -> list[str]:
    """What a unit starts, with the programs of these tests."""
    unit = RawConfigParser(strict=False)
    unit.read(units[name])
    started = Template(unit["Service"]["ExecStart"]).substitute(environment)
    return started.replace(f"{clone}/.venv/bin", str(Path(sys.executable).parent)).split()


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A process of a service, ended at the end as systemd ends it."""
    process = subprocess.Popen(command, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.parametrize("name", units)
def test_systemd_accepts_the_units(name: str, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze: apt-get install systemd")
    unit = tmp_path / units[name].name
    text = units[name].read_text().replace(f"{clone}/.venv/bin", str(Path(sys.executable).parent))
    unit.write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )

    assert "" == done.stderr
    assert 0 == done.returncode


def test_a_cluster_of_the_units_works_for_those_with_a_certificate(tmp_path: Path) -> None:
    """Made with the commands of the page; without one the engine is refused in a sentence."""
    subprocess.run(["sh", "-ec", block("bash")], cwd=tmp_path, check=True, capture_output=True)
    address = f"tls://127.0.0.1:{free_port()}"
    written = dict(line.split("=", 1) for line in block("ini").splitlines())
    certificates = {name: each.replace(settings, str(tmp_path)) for name, each in written.items()}
    chosen = {"RNN_SCHEDULER": address, "RNN_WORKERS": "2"}
    own = {name: each for name, each in os.environ.items() if name != "PREFECT_API_URL"}
    environment = own | certificates | chosen
    port = address.rpartition(":")[2]
    scheduler = [
        each.replace("8786", port).replace("8787", "0") for each in command("scheduler", {})
    ]

    with ExitStack() as cluster:
        cluster.enter_context(running(scheduler, environment))
        cluster.enter_context(running(command("worker", environment), environment))
        trusted, stranger = (
            subprocess.run(
                [sys.executable, "-c", client, address],
                env=each,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            for each in (environment, own)
        )

    assert "1 2\n" == trusted.stdout, trusted.stderr
    assert 0 != stranger.returncode
    assert f"no Dask scheduler answers at {address}" in stranger.stderr


def test_the_manifest_starts_what_compose_starts() -> None:
    """The same programs, and all that the image needs to be written."""
    (manifest,) = (
        yaml.safe_load(found) for found in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    )
    services = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    for part in ("scheduler", "worker"):
        pod = manifest["spec"][part]["spec"]
        (container,) = pod["containers"]
        assert services[f"dask-{part}"]["command"][:2] == container["args"][:2]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
