"""What a server of S3 says of an object is true, or the object is refused; breaks are survived."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator
from random import Random

import fsspec
import pytest

from flows.corpus.files import SourceFile
from flows.corpus.reading import http, streams
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.clients import client_options, with_limits
from flows.corpus.reading.streams import raw_pieces
from flows.exceptions import CorpusError, TransientError
from tests.support.fault_server import FaultServer, Request, always, hang, head
from tests.support.s3 import environment, variables

pytest.importorskip("s3fs", reason="needs pip install -e '.[s3]'")
data = Random(1).randbytes(300_000)
tag = f'"{hashlib.md5(data).hexdigest()}"'
right = head(length=len(data), ETag=tag, x_amz_request_id="1")


def read(server: FaultServer, most: int = 10**9) -> bytes:
    """The object that a server sends."""
    with variables(environment(server.url, "key", "secret")):
        options = client_options("s3://bucket/a.txt")
        filesystem = with_limits(fsspec.filesystem("s3", skip_instance_cache=True, **options))
        file = SourceFile("s3://bucket/a.txt", filesystem, "bucket/a.txt")
        return b"".join(raw_pieces(file, Budget(most)))


def refusal(server: FaultServer, *, transient: bool = False) -> str:
    """The sentence for an object that cannot be read, and whether its task is tried again after it."""
    with pytest.raises(CorpusError) as caught:
        read(server)
    assert transient == isinstance(caught.value, TransientError)
    return str(caught.value)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds take parts of one."""
    monkeypatch.setattr(http, "idle_timeout", 0.5)
    monkeypatch.setattr(streams, "pause", 0.0)


@pytest.mark.parametrize("ranges", [True, False])
def test_an_object_that_is_cut_is_read_on(ranges: bool) -> None:
    """From its offset, or from the start where a server knows no ranges."""

    def script(request: Request) -> Iterator[bytes | None]:
        if request.number == 1:
            yield right + data[:1000]
        elif ranges:
            places = f"bytes {request.start}-{len(data) - 1}/{len(data)}"
            rest = data[request.start :]
            yield head("206 Partial Content", len(rest), ETag=tag, Content_Range=places) + rest
        else:
            yield right + data

    with FaultServer(script) as server:
        assert data == read(server, most=len(data))
        assert [0, 1000] == [request.start for request in server.requests]
        assert tag == server.requests[1].headers["if-match"]


@pytest.mark.parametrize(
    "other",
    [head(length=len(data), ETag='"2"') + data, head(length=5, ETag=tag) + data[:5]],
    ids=["tag", "size"],
)
def test_an_object_with_another_tag_or_size_is_refused(other: bytes) -> None:
    """Also where a server does not look at the condition."""
    replies = iter([right + data[:1000], other])
    with FaultServer(lambda _: iter([next(replies)])) as server:
        assert "s3://bucket/a.txt was changed while it was read" in refusal(server)


def test_wrong_checksums_are_told_of() -> None:
    """With both values: of the tag, and of a checksum of S3."""
    wrong = data[::-1]
    with FaultServer(always(right + wrong)) as server:
        message = refusal(server)
    assert tag.strip('"') in message
    assert hashlib.md5(wrong).hexdigest() in message
    crc, found = (base64.b64encode(zlib.crc32(x).to_bytes(4)).decode() for x in (data, wrong))
    with FaultServer(always(head(length=len(data), x_amz_checksum_crc32=crc) + wrong)) as server:
        message = refusal(server)
    assert crc in message
    assert found in message


@pytest.mark.parametrize(
    ("reply", "problem", "requests"),
    [
        ([hang], "cannot be read (Read timeout on endpoint", 2),
        ([right, hang], "not a byte came for 0.5 s", 2),
        ([right + data[:1000]], "the connection ended before the file did", 2),
        ([head("503 Slow Down", 0)], "cannot be read (503 ", 2),
        ([head("403 Forbidden", 0)], "access forbidden", 1),
        ([head("404 Not Found", 0)], "does not exist", 1),
    ],
    ids=["hangs", "hangs later", "cut", "503", "403", "404"],
)
def test_what_may_pass_is_tried_twice(
    reply: list[bytes | None], problem: str, requests: int
) -> None:
    """And then it is final; what does not pass is not tried again."""
    with FaultServer(always(*reply)) as server:
        assert problem in refusal(server, transient="503" in problem)
        assert requests == len(server.requests)
