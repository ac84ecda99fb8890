"""A file at a web server, read in one request and, where that breaks, one more from there on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fsspec.asyn import sync

from flows.corpus.files import SourceFile
from flows.corpus.reading import http
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.checksums import Checksums
from flows.corpus.reading.compression import layers
from flows.corpus.reading.states import changed
from flows.exceptions import CorpusError

piece_size = 2**20  # bytes
codings = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "zstd": "zstd", "br": "brotli"}
pages = {"text/html", "application/xhtml+xml"}
validators = ("etag", "last-modified")  # differ where the file does
longer = "no valid HTTP, or more bytes than its Content-Length"


class Refused(OSError):
    """A reply that brings no file."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".strip() if status else reason)
        self.status = status


class Download:
    """Such a file, without the encoding that it is sent in; it has to be the same in each reply."""

    def __init__(self, file: SourceFile, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._reply: Any = None
        self._protocol: Any = None  # of its connection, which leaves it at its end
        self._first: dict[str, str] | None = None  # headers of the first reply
        self._size: int | None = None  # of the whole, as it is sent
        self._checksums = Checksums({})
        self._pieces: Iterator[bytes] = iter(())

    def open(self, at: int) -> int:
        """Read from `at` on if the server can, else from the start; where that is."""
        start = at if at and self._range_condition() else 0
        headers = self._ask(start)
        refused = self._reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        if start and (refused or _codings(headers)):
            start, headers = 0, self._restart()
        if start and self._reply.status != HTTPStatus.PARTIAL_CONTENT:
            start = 0
        self._check_status(start, headers)
        self._check_same(start, headers)
        if not start:
            self._checksums = Checksums(headers)
            if not at:
                self._budget.expect(self._size or 0, self._file.url)
        size = None if _codings(headers) else self._size
        self._pieces = self._decoded(self._received(start, size), headers)
        return start

    def read(self) -> bytes:
        return next(self._pieces, b"")

    def close(self) -> None:
        if self._reply:
            self._file.filesystem.loop.call_soon_threadsafe(self._reply.close)

    def _restart(self) -> dict[str, str]:
        self.close()
        return self._ask(0)

    def _ask(self, start: int) -> dict[str, str]:
        """Send a request; the headers of the reply, by names in lower case."""
        self._reply = sync(self._file.filesystem.loop, self._get, start)
        found = self._reply.headers
        return {name.lower(): ", ".join(found.getall(name)) for name in found}

    async def _get(self, start: int) -> Any:
        from aiohttp import ClientResponseError, ConnectionTimeoutError, TooManyRedirects

        filesystem = self._file.filesystem
        options = dict(filesystem.kwargs)
        # An encoded reply often has no length, no strong tag and no ranges.
        headers = options.pop("headers", {}) | {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": self._range_condition()}
        session = await filesystem.set_session()
        options |= {"headers": headers, "timeout": http.timeouts(), "auto_decompress": False}
        url = filesystem.encode_url(self._file.path)
        try:
            async with asyncio.timeout(http.headers_timeout):
                reply = await session.get(url, read_bufsize=piece_size, **options)
                self._protocol = reply.connection.protocol if reply.connection else None
                return reply
        except TooManyRedirects as error:
            raise Refused(302, "10 times: redirects in a circle") from error
        except ClientResponseError as error:  # such as more bytes than Content-Length says
            first, *_ = error.message.splitlines() or [""]
            raise Refused(0, f"{longer}: {first.strip(':')}") from error
        except ConnectionTimeoutError as error:  # fsspec gives a TimeoutError no words
            raise http.TimedOut(f"no connection within {http.connect_timeout:g} s") from error
        except TimeoutError as error:
            waited = http.idle_timeout if str(error) else http.headers_timeout
            raise http.TimedOut(f"no reply within {waited:g} s") from error

    def _range_condition(self) -> str:
        """What If-Range takes, so that a range is of the same file; empty if there is no such."""
        first = self._first or {}
        if _codings(first) or first.get("accept-ranges", "").strip() == "none":
            return ""
        tag = first.get("etag", "")
        return tag if tag.startswith('"') else first.get("last-modified", "")

    def _check_status(self, start: int, headers: Mapping[str, str]) -> None:
        """Refuse a reply that is no file."""
        status, url = self._reply.status, self._file.url
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise FileNotFoundError(url)
        if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise Refused(status, self._reply.reason or "")
        if (status == HTTPStatus.PARTIAL_CONTENT) != bool(start):
            raise Refused(status, "that was not asked for")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        paths = (self._reply.url.path, self._file.filesystem.encode_url(self._file.path).path)
        if kind in pages and any(path.endswith("/") for path in paths):
            raise CorpusError(
                f"the corpus {url} is a page or a listing ({kind}), not a text: name its files"
            )

    def _check_same(self, start: int, headers: dict[str, str]) -> None:
        """Refuse a reply about another state of the file than the first one was about."""
        size = _whole_size(start, headers)
        if _codings(headers):
            size = None  # it depends on how it is encoded this time
        if self._first is None:
            self._first = headers
        known: list[tuple[object, object]] = [
            (self._size, size),
            *((self._first.get(name), headers.get(name)) for name in validators),
        ]
        if any(before and now and before != now for before, now in known):
            raise changed(self._file.url)
        self._size = self._size or size

    def _received(self, at: int, size: int | None) -> Iterator[bytes]:
        """The bytes as they are sent."""
        loop, content = self._file.filesystem.loop, self._reply.content
        while piece := sync(loop, http.next_piece, content.read, content, piece_size):
            self._checksums.update(piece)
            at += len(piece)
            yield piece
        from aiohttp.http_exceptions import HttpProcessingError

        ended = self._protocol.exception() if self._protocol is not None else None
        if isinstance(ended, HttpProcessingError):
            raise Refused(0, longer)
        if size is not None and at < size:  # a range may be shorter than asked for
            raise ConnectionError("the connection ended before the file did")
        self._checksums.compare(self._file.url)

    def _decoded(self, pieces: Iterable[bytes], headers: Mapping[str, str]) -> Iterator[bytes]:
        """The bytes without the encodings that they are sent in, the last one first."""
        url = self._file.url
        for coding in reversed(_codings(headers)):
            if coding not in codings:
                raise CorpusError(
                    f"the corpus {url} is sent with Content-Encoding {coding!r}, which this"
                    f" program does not know: have it sent without, or with {', '.join(codings)}"
                )
            # Budgets of their own: what is read again after a cut does not count twice.
            most = self._budget.most
            pieces = layers[codings[coding]](_counted(pieces, url, Budget(most)), url, Budget(most))
        return iter(pieces)


def _counted(pieces: Iterable[bytes], url: str, budget: Budget) -> Iterator[bytes]:
    """`pieces`, which may be many and decode to nothing."""
    for piece in pieces:
        budget.read(len(piece), url)
        yield piece


def _codings(headers: Mapping[str, str]) -> list[str]:
    named = (each.strip().lower() for each in headers.get("content-encoding", "").split(","))
    # aws-chunked is of an upload; some servers keep it.
    return [each for each in named if each not in {"", "identity", "aws-chunked"}]


def _whole_size(start: int, headers: Mapping[str, str]) -> int | None:
    """The size of the whole file that a reply says; None if it says none."""
    if not start:
        length = headers.get("content-length", "")
        return int(length) if length.isdigit() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", "").strip())
    if not found or int(found[1]) != start:
        raise Refused(HTTPStatus.PARTIAL_CONTENT, f"of another range than from {start}")
    return int(found[2]) if found[2].isdigit() else None
