"""Other ways to run the server: with a password, on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.support.commands import start
from tests.support.site import Site, small, started


def test_server_with_a_password_refuses_requests_without_it(
    killable_site: Site, tmp_path: Path
) -> None:
    """Without it nothing is shown, and commands say what is missing; with it a run completes."""
    assert httpx.codes.UNAUTHORIZED == httpx.get(f"{killable_site.url}/api/flows/count").status_code
    with pytest.raises(subprocess.CalledProcessError) as refused:
        killable_site.deploy(PREFECT_API_AUTH_STRING="")
    assert "set PREFECT_API_AUTH_STRING" in refused.value.stderr
    worker = subprocess.run(
        killable_site.make("worker"),
        cwd=killable_site.project,
        env=killable_site.environment | {"PREFECT_API_AUTH_STRING": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "requires a password: set PREFECT_API_AUTH_STRING" in worker.stderr
    assert "Traceback" not in worker.stderr
    without_password = {
        "PREFECT_API_URL": f"{killable_site.url}/api",
        "PREFECT_API_AUTH_STRING": "",
    }
    _, errors = start(tmp_path, environment=without_password).communicate(timeout=180)
    assert "set PREFECT_API_AUTH_STRING" in errors

    run = killable_site.finished(killable_site.run("retrain/manual", store=str(tmp_path), **small))
    assert "COMPLETED" == run["state_type"]


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs in Debian's package; None if not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database on loopback."""
    installed = programs()
    if installed is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listening = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    with TemporaryDirectory() as folder:
        as_owner: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
            as_owner = ["runuser", "-u", "postgres", "--"]
        control = [*as_owner, str(installed / "pg_ctl"), f"--pgdata={folder}/data", "--silent"]
        subprocess.run([*control, "init", "--options=--auth=trust --username=prefect"], check=True)
        begin = [*control, "start", f"--options={listening}", f"--log={folder}/log"]
        subprocess.run(begin, check=True)
        try:
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "stop", "--mode=immediate"], check=True)


def test_server_works_on_postgresql(database: str, tmp_path: Path) -> None:
    """One variable moves Prefect's database to PostgreSQL: deployments and runs need no SQLite."""
    for site in started(tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=database):
        run = site.finished(site.run("retrain/manual", store=str(tmp_path / "store"), **small))

    assert "COMPLETED" == run["state_type"]
    assert not list((tmp_path / "home").glob("*.db"))
