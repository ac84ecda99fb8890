"""compose.yaml: its keys, and each service's command, run in the image that it names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import compose
from tests.support.compose import Compose
from tests.support.containers import Image, needed

# Of the compose specification, as far as the file uses it.
of_a_file = {"name", "services", "networks", "volumes", "x-program", "x-files", "x-reporting"}
of_a_service = {
    *("image", "build", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "restart"),
    *("command", "environment", "volumes", "networks", "ports", "depends_on", "healthcheck"),
    *("deploy", "stop_grace_period"),
}
of_a_health_check = {"test", "interval", "timeout", "retries", "start_period", "disable"}
conditions = {"service_started", "service_healthy", "service_completed_successfully"}
engine = "tcp://dask-scheduler:8786"
passwords = {"RNN_DATABASE_PASSWORD": "a b@c/d", "RNN_PREFECT_PASSWORD": "lamp:oil"}
written = compose.read()
services: dict[str, dict[str, Any]] = written["services"]


def strings(value: Any) -> Iterator[str]:
    """All texts in a document."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def test_every_key_is_of_the_specification() -> None:
    assert set(written) <= of_a_file
    for service in services.values():
        assert set(service) <= of_a_service
        assert set(service.get("healthcheck", {})) <= of_a_health_check
        assert set(service["deploy"]) <= {"replicas", "resources"}
        assert {"cpus", "memory"} == set(service["deploy"]["resources"]["limits"])


def test_every_name_is_defined() -> None:
    """Services, volumes and networks; conditions are those that compose knows."""
    for service in services.values():
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(
            written["volumes"]
        )
        assert set(service.get("networks", [])) <= set(written["networks"])
        for needed_service, how in service.get("depends_on", {}).items():
            assert needed_service in services
            assert how["condition"] in conditions
            if how["condition"] == "service_healthy":
                assert "test" in services[needed_service]["healthcheck"]


def test_nothing_listens_beyond_this_machine() -> None:
    """And nobody but the browser's machine reaches more than the Prefect server."""
    assert ["127.0.0.1:4200:4200"] == [
        port for service in services.values() for port in service.get("ports", [])
    ]


def test_no_password_is_in_the_file() -> None:
    """Each is a variable without which compose starts nothing."""
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable or "AUTH" in variable:
                assert compose.needs_value.search(value), name
    used = {name for text in strings(written) for name in compose.needs_value.findall(text)}
    assert set(passwords) == used
    assert "$" not in "".join(compose.needs_value.sub("", text) for text in strings(written))


@pytest.fixture(scope="module")
def site(
    image: Image, kernels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compose]:
    """All services, started in the order of their conditions."""
    if (
        not shutil.which("ip")
        or not shutil.which("pg_isready")
        or not Path("/usr/lib/postgresql").exists()
    ):
        pytest.skip(f"{needed} iproute2 postgresql")
    site = Compose(image, tmp_path_factory.mktemp("compose"), passwords, kernels=kernels)
    try:
        site.up()
        yield site
    finally:
        site.down()


def test_a_deployments_run_works_on_both_dask_workers(site: Compose) -> None:
    """All report to the server, which keeps everything in PostgreSQL."""
    text = "the tide goes out, the tide comes in, and the lamp is lit.\n"
    site.volume("store").joinpath("text.txt").write_text(200 * text)
    training = {"hidden_size": 8, "epochs": 1, "shards": 2, "round_iterations": 100}
    parameters = {
        "corpus": "data/store/text.txt",
        "engine": engine,
        "training": training,
        "sampling": {"length": 20},
    }
    command = ["prefect", "deployment", "run", "retrain/manual", "--watch"]

    done = site.run("setup", *command, "--params", json.dumps(parameters))

    assert 0 == done.returncode, done.stdout + done.stderr + site.log("worker-0")
    assert list(site.volume("store").glob("models/default/versions/*.json"))
    written = site.volume("store").joinpath("models").rglob("*")
    assert {10001} == {path.stat().st_uid for path in written}
    assert not list(site.volume("prefect").rglob("*.db"))


def test_both_dask_workers_reach_the_scheduler(site: Compose) -> None:
    """Each has one thread, and the kernels' folder and the store of the other services."""
    program = f"""
from distributed import Client
def store():
    import os
    return os.listdir("data/store"), os.environ["NUMBA_NUM_THREADS"]
client = Client("{engine}", timeout=30)
client.wait_for_workers(2, timeout=60)
print([worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()])
print(*client.run(store).values())
"""
    done = site.run("dask-scheduler", "python", "-c", program)

    assert 0 == done.returncode, done.stderr
    threads, folders = done.stdout.splitlines()
    assert "[1, 1]" == threads
    assert 2 == folders.count("'models'")


def test_a_health_check_fails_where_its_service_has_stopped(site: Compose) -> None:
    """Of each service but the database, the server last."""
    for service in ("worker", "dask-worker", "dask-scheduler", "prefect-server"):
        assert site.is_healthy(service)
        site.stop(service)
        assert not site.is_healthy(service)
