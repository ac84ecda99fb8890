"""The server as others run it: behind a password, on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.services.conftest import Site, small

password = "keeper:lamp"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Site]:
    """A server that wants a password, and a worker that has it."""
    site = Site(
        tmp_path,
        PREFECT_SERVER_API_AUTH_STRING=password,
        PREFECT_API_AUTH_STRING=password,
    )
    try:
        site.start("server")
        yield site
    finally:
        site.close()


def test_server_behind_a_password(guarded: Site, tmp_path: Path) -> None:
    """Without it nothing is shown, and deploying says what is missing; with it a run completes."""
    assert httpx.codes.UNAUTHORIZED == httpx.get(f"{guarded.url}/api/flows/count").status_code
    with pytest.raises(subprocess.CalledProcessError) as refused:
        guarded.deploy(PREFECT_API_AUTH_STRING="")
    assert "set PREFECT_API_AUTH_STRING" in refused.value.stderr

    guarded.deploy()
    guarded.start("worker")
    run = guarded.finished(guarded.run("retrain/manual", store=str(tmp_path / "store"), **small))
    assert "COMPLETED" == run["state_type"]


def programs() -> Path | None:
    """Where Debian's package puts the programs of a PostgreSQL server, if it is there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL database on loopback."""
    folder = programs()
    if folder is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tmp_path / "postgresql"
    as_owner: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        data.mkdir()
        shutil.chown(data, "postgres")
        for parent in data.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)  # let it through to its folder
        as_owner = ["runuser", "-u", "postgres", "--"]
    options = (
        f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    )
    command = [*as_owner, str(folder / "pg_ctl"), "--pgdata", str(data), "--silent"]
    subprocess.run([*command, "init", "--options=--auth=trust --username=prefect"], check=True)
    subprocess.run([*command, "start", f"--options={options}", f"--log={data}/log"], check=True)
    try:
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*command, "stop", "--mode=immediate"], check=True)


def test_server_on_postgresql(database: str, tmp_path: Path) -> None:
    """One variable puts Prefect's database on PostgreSQL: deployed to, run with, and no SQLite."""
    site = Site(tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=database)
    try:
        site.start("server")
        site.deploy()
        site.start("worker")
        run = site.finished(site.run("retrain/manual", store=str(tmp_path / "store"), **small))
    finally:
        site.close()

    assert "COMPLETED" == run["state_type"]
    assert not list((tmp_path / "home").glob("*.db"))
