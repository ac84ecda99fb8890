"""The same file through real servers: the same bytes, also where the connection breaks."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import fsspec
import pytest

from flows.corpus import find_files
from flows.corpus.reading import http, streams
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.compression import decompressed
from flows.corpus.reading.streams import raw_pieces
from flows.exceptions import CorpusError, TransientError
from tests.support.cutting import cutting, stalling
from tests.support.fault_server import FaultServer, always, hang
from tests.support.file_servers import nginx, rclone, served, sftp, sshd  # noqa: F401 - fixtures
from tests.support.s3 import Gateway, variables

data = Random(1).randbytes(3_000_000).hex().encode()  # 6 MB of ASCII
other = data[:4_000_000] + b"other"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new try begins at once."""
    monkeypatch.setattr(streams, "pause", 0.0)


@pytest.fixture(autouse=True)
def file(served: Path) -> Path:  # noqa: F811
    """The file that is served, and a compressed one beside it."""
    (served / "a.txt").write_bytes(data)
    (served / "a.txt.gz").write_bytes(gzip.compress(data))
    return served / "a.txt"


def digest(url: str) -> str:
    """Of a file as it is read, decompressed; it has the right size."""
    (found,) = find_files(url)
    budget, whole = Budget(10**9), hashlib.sha256()
    for piece in decompressed(raw_pieces(found, budget), url, budget):
        whole.update(piece)
    return whole.hexdigest()


def refusal(url: str) -> str:
    """The sentence for a file that cannot be read."""
    with pytest.raises(CorpusError) as caught:
        digest(url)
    assert not isinstance(caught.value, TransientError)
    assert 1 == len(str(caught.value).splitlines())
    return str(caught.value)


expected = hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("path", ["ranges", "whole"])
def test_nginx(nginx: int, path: str) -> None:  # noqa: F811
    """With ranges and without; whole, compressed, and after two cuts."""
    for name in ("a.txt", "a.txt.gz"):
        assert expected == digest(f"http://127.0.0.1:{nginx}/{path}/{name}")
    with cutting(nginx, 2_500_000, times=1 if path == "whole" else 2) as port:
        assert expected == digest(f"http://127.0.0.1:{port}/{path}/a.txt")


def test_nginx_sends_a_compressed_file_as_an_encoding(nginx: int) -> None:  # noqa: F811
    """It is decompressed once, whatever its name says."""
    assert expected == digest(f"http://127.0.0.1:{nginx}/coded/a.txt.gz")


def test_what_nginx_refuses_is_told_of(nginx: int) -> None:  # noqa: F811
    """A missing file, a forbidden one, and a listing."""
    host = f"http://127.0.0.1:{nginx}"
    assert "does not exist" in refusal(f"{host}/ranges/none.txt")
    assert "permission denied" in refusal(f"{host}/forbidden")
    assert "is a page or a listing (text/html)" in refusal(f"{host}/ranges/")


@pytest.mark.parametrize("path", ["ranges", "whole"])
def test_a_file_at_nginx_that_changes_between_tries_is_refused(
    nginx: int,  # noqa: F811
    file: Path,
    path: str,
) -> None:
    """By its tag."""
    with cutting(nginx, 2_500_000, then=lambda: file.write_bytes(other)) as port:
        url = f"http://127.0.0.1:{port}/{path}/a.txt"
        assert f"{url} was changed while it was read" in refusal(url)


@pytest.mark.parametrize("server", ["nginx", "rclone"])
def test_a_member_of_an_archive_at_a_server(
    request: pytest.FixtureRequest,
    served: Path,  # noqa: F811
    server: str,
) -> None:
    """Read by ranges, also where the connection is cut."""
    with zipfile.ZipFile(served / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.txt", data)
    folder = "ranges/" if server == "nginx" else ""
    with cutting(request.getfixturevalue(server), 1_500_000) as port:
        assert expected == digest(f"zip://b.txt::http://127.0.0.1:{port}/{folder}a.zip")


def test_rclone(rclone: int) -> None:  # noqa: F811
    """Whole, and after two cuts."""
    assert expected == digest(f"http://127.0.0.1:{rclone}/a.txt")
    with cutting(rclone, 2_500_000, times=2) as port:
        assert expected == digest(f"http://127.0.0.1:{port}/a.txt")
    assert "does not exist" in refusal(f"http://127.0.0.1:{rclone}/none.txt")


def test_sftp(sftp: int, file: Path) -> None:  # noqa: F811
    """Whole, compressed, and after two cuts."""
    for name in (file, f"{file}.gz"):
        assert expected == digest(f"sftp://127.0.0.1:{sftp}{name}")
    with cutting(sftp, 2_500_000, times=2) as port:
        assert expected == digest(f"sftp://127.0.0.1:{port}{file}")
    assert "does not exist" in refusal(f"sftp://127.0.0.1:{sftp}{file}.none")


def test_a_file_at_sftp_that_changes_is_refused(sftp: int, file: Path) -> None:  # noqa: F811
    """While it is read, and between two tries."""
    (found,) = find_files(f"sftp://127.0.0.1:{sftp}{file}")
    pieces = raw_pieces(found, Budget(10**9))
    next(pieces)
    file.write_bytes(other)
    with pytest.raises(CorpusError, match="was changed while it was read"):
        list(pieces)
    with cutting(sftp, 2_500_000, then=lambda: file.write_bytes(data)) as port:
        assert "was changed while it was read" in refusal(f"sftp://127.0.0.1:{port}{file}")


def test_an_sftp_server_that_hangs_is_left(
    sftp: int,  # noqa: F811
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told of before it says what it is; in the middle of a file another connection helps."""
    monkeypatch.setattr(http, "connect_timeout", 1.0)
    monkeypatch.setattr(http, "idle_timeout", 1.0)
    with FaultServer(always(hang)) as server:
        address = server.url.removeprefix("http://")
        with pytest.raises(CorpusError, match=r"cannot be read .*(banner|session)"):
            find_files(f"sftp://{address}{file}")
    with stalling(sftp, 2_500_000) as port:
        assert expected == digest(f"sftp://127.0.0.1:{port}{file}")


@pytest.fixture
def object_url(bucket: str) -> str:
    """The address of the file in S3."""
    fsspec.filesystem("s3").pipe_file(f"{bucket}/a.txt", data)
    return f"s3://{bucket}/a.txt"


def put(url: str, content: bytes, owner: dict[str, str]) -> Callable[[], None]:
    """A function that replaces an object, past every proxy."""

    def replace() -> None:
        client = {"endpoint_url": owner["AWS_ENDPOINT_URL"]}
        filesystem = fsspec.filesystem("s3", client_kwargs=client, skip_instance_cache=True)
        filesystem.pipe_file(url, content)

    return replace


def at(port: int) -> dict[str, str]:
    """The environment variable that leads to a proxy."""
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


def test_s3(gateway: Gateway, owner: dict[str, str], object_url: str) -> None:
    """Whole, and after two cuts."""
    assert expected == digest(object_url)
    with cutting(gateway.port, 2_500_000, times=2) as port, variables(owner | at(port)):
        assert expected == digest(object_url)
    assert "does not exist" in refusal(f"{object_url}.none")


def test_an_object_that_changes_between_tries_is_refused(
    gateway: Gateway, owner: dict[str, str], object_url: str
) -> None:
    """By its tag, which every request after the first names."""
    change = put(object_url, other, owner)
    with cutting(gateway.port, 2_500_000, then=change) as port, variables(owner | at(port)):
        assert "was changed while it was read" in refusal(object_url)


@pytest.mark.usefixtures("s3")
def test_s3_that_hangs_is_told_of(
    bucket: str, owner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two tries."""
    monkeypatch.setattr(http, "idle_timeout", 0.5)
    with FaultServer(always(hang)) as server:
        with variables(owner | {"AWS_ENDPOINT_URL": server.url}):
            assert "cannot be read" in refusal(f"s3://{bucket}/a.txt")
        assert len(server.requests) <= 4
