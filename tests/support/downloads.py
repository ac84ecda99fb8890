"""Reading from a web server of a test, with short waits."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import fsspec
import pytest

from flows.corpus.files import SourceFile
from flows.corpus.reading import http, streams
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.clients import client_options
from flows.corpus.reading.compression import decompressed
from flows.corpus.reading.streams import raw_pieces
from flows.exceptions import CorpusError, TransientError
from flows.storage.urls import public_url
from tests.support.fault_server import Request, Script, file

text = Random(1).randbytes(300_000).hex().encode()  # 600,000 bytes of ASCII


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds take parts of one."""
    monkeypatch.setattr(http, "connect_timeout", 0.3)
    monkeypatch.setattr(http, "idle_timeout", 0.3)
    monkeypatch.setattr(http, "headers_timeout", 0.5)
    monkeypatch.setattr(streams, "pause", 0.0)


def found(url: str) -> SourceFile:
    """The file at an address."""
    filesystem, path = fsspec.core.url_to_fs(url, http=client_options(url))
    return SourceFile(public_url(url), filesystem, path)


def read(url: str, most: int = 10**9) -> bytes:
    """The bytes of a file, decompressed."""
    budget = Budget(most)
    return b"".join(decompressed(raw_pieces(found(url), budget), url, budget))


def refusal(url: str, most: int = 10**9, *, transient: bool = False) -> str:
    """The sentence for a file that cannot be read, and whether its task is tried again after it."""
    with pytest.raises(CorpusError) as caught:
        read(url, most)
    assert transient == isinstance(caught.value, TransientError)
    assert None is caught.value.__context__
    message = str(caught.value)
    assert message.startswith("the corpus ")
    assert 1 == len(message.splitlines())
    return message


def cut_first(
    headers: dict[str, str], *, after: int = 200_000, ranges: bool = True, cuts: int = 1
) -> Script:
    """The first replies end in the middle."""

    def script(request: Request) -> Iterator[bytes | None]:
        start, body = file(request, text, headers, ranges=ranges)
        yield start
        yield body[:after] if request.number <= cuts else body

    return script
