"""Real servers of the files in a folder, on loopback: nginx, rclone and OpenSSH."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

from tests.support.s3 import eventually, free_port, listens

nginx_config = """\
daemon off;
pid {state}/pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    default_type text/plain;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        autoindex on;
        gzip on;
        gzip_min_length 1;
        location /ranges/ {{ alias {folder}/; }}
        location /whole/ {{ alias {folder}/; max_ranges 0; }}
        location /coded/ {{ alias {folder}/; add_header Content-Encoding gzip; }}
        location /forbidden {{ return 403; }}
    }}
}}
"""
sshd_config = """\
ListenAddress 127.0.0.1:{port}
HostKey {state}/host
AuthorizedKeysFile {state}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


def program(name: str, needed: str) -> str:
    """The path of a program; skips the test if it is not installed."""
    places = os.pathsep.join([os.environ["PATH"], "/usr/sbin", str(Path(sys.executable).parent)])
    found = shutil.which(name, path=places)
    if not found:
        pytest.skip(f"{name} is not installed: {needed}")
    return found


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A server that listens, until the end of the block."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        eventually(lambda: listens(port), command[0], within=20)
        yield
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose files are served."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def nginx(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of nginx: /ranges/, /whole/ (without ranges), /coded/ and /forbidden."""
    path = program("nginx", "apt-get install nginx-light")
    state, port = tmp_path_factory.mktemp("nginx"), free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is its owner's alone
    config = nginx_config.format(state=state, port=port, folder=served, user=user)
    (state / "config").write_text(config)
    command = [path, "-e", "stderr", "-p", str(state), "-c", f"{state}/config"]
    with running(command, port, state / "log"):
        yield port


@pytest.fixture(scope="session")
def rclone(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of `rclone serve http`."""
    path = program("rclone", "pip install -e '.[services]'")
    state, port = tmp_path_factory.mktemp("rclone-http"), free_port()
    command = [path, "serve", "http", str(served), "--addr", f"127.0.0.1:{port}"]
    with running([*command, "--config", f"{state}/none"], port, state / "log"):
        yield port


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of OpenSSH's server, and the key of a user that is the one of the test."""
    pytest.importorskip("paramiko", reason="sftp needs pip install paramiko")
    path = program("sshd", "apt-get install openssh-server")
    state, port = tmp_path_factory.mktemp("sshd"), free_port()
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{state}/{name}"]
        subprocess.run(key, check=True)
    (state / "config").write_text(sshd_config.format(state=state, port=port))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it; its service makes it
    with running([path, "-D", "-e", "-f", f"{state}/config"], port, state / "log"):
        yield port, state / "user"


@pytest.fixture
def sftp(sshd: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> int:
    """Its port; fsspec's configuration has the user and the key, as a user's would."""
    port, key = sshd
    options = {"username": getpass.getuser(), "key_filename": str(key), "look_for_keys": False}
    monkeypatch.setitem(fsspec.config.conf, "sftp", options | {"allow_agent": False})
    return port
