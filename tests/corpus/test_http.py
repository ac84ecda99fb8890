"""A web server that breaks, stalls or does not end is told of in one sentence, after two tries."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from time import sleep

import pytest

from tests.support.downloads import cut_first, read, refusal, short_waits, text  # noqa: F401
from tests.support.fault_server import FaultServer, Request, always, file, hang, head

pytestmark = pytest.mark.usefixtures("short_waits")
tag = {"ETag": '"1"'}
other = text.swapcase()


@pytest.mark.parametrize(
    "headers", [tag, {"Last_Modified": "Mon, 02 Nov 2026 08:00:00 GMT"}], ids=["tag", "time"]
)
def test_a_cut_download_goes_on_from_its_offset(headers: dict[str, str]) -> None:
    """The second request asks for the rest alone, if the file is still the same."""
    with FaultServer(cut_first(headers)) as server:
        assert text == read(f"{server.url}/a.txt")
        _, second = server.requests

    assert 200_000 == second.start
    assert second.headers["if-range"] in headers.values()


@pytest.mark.parametrize(
    ("ranges", "headers"),
    [(False, tag), (True, {}), (True, {"ETag": 'W/"1"'}), (True, tag | {"Accept_Ranges": "none"})],
    ids=["ignores ranges", "no tag", "weak tag", "says so"],
)
def test_a_cut_download_begins_again_where_ranges_are_not_safe(
    ranges: bool, headers: dict[str, str]
) -> None:
    """What was read already is compared and not read twice."""
    with FaultServer(cut_first(headers, ranges=ranges)) as server:
        assert text == read(f"{server.url}/a.txt", most=len(text))
        assert 2 == len(server.requests)


def test_each_cut_that_brought_something_is_followed_by_another_try() -> None:
    """A download may break ten times."""
    with FaultServer(cut_first(tag, after=55_000, cuts=10)) as server:
        assert text == read(f"{server.url}/a.txt")
        assert 11 == len(server.requests)


def test_a_download_that_always_ends_at_the_same_place_is_given_up() -> None:
    """A Content-Length that is longer than the body looks the same."""
    with FaultServer(cut_first({}, ranges=False, cuts=99)) as server:
        assert "the connection ended before the file did" in refusal(f"{server.url}/a.txt")
        assert 2 == len(server.requests)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((text, {}), (other, {})),
        ((text, {}), (text[:-1], {})),
        ((text, {}), (text[:100], {})),
        ((text, tag), (text[:300_000] + other[300_000:], {"ETag": '"2"'})),
        (
            (text, {"Last_Modified": "Mon, 02 Nov 2026 08:00:00 GMT"}),
            (text, {"Last_Modified": "Mon, 02 Nov 2026 08:00:01 GMT"}),
        ),
    ],
    ids=["start", "length", "shorter than read", "tag", "time"],
)
def test_a_file_that_changes_between_tries_is_refused(
    before: tuple[bytes, dict[str, str]], after: tuple[bytes, dict[str, str]]
) -> None:
    """Also if the server sends a range of the new file without a look at the condition."""

    def script(request: Request) -> Iterator[bytes | None]:
        data, headers = before if request.number == 1 else after
        start, body = file(request, data, headers)
        yield start
        yield body[:200_000] if request.number == 1 else body

    with FaultServer(script) as server:
        url = f"{server.url}/a.txt"
        assert f"the corpus {url} was changed while it was read" in refusal(url)


def test_a_range_of_another_file_is_refused() -> None:
    """A server that ignores If-Range shows it by the tag of its reply, or by the size."""

    def script(request: Request) -> Iterator[bytes | None]:
        if not request.start:
            start, body = file(request, text, tag)
            yield start + body[:200_000]
            return
        places = f"bytes {request.start}-{len(text)}/{len(text) + 1}"
        yield head("206 Partial Content", 10, Content_Range=places) + b"0123456789"

    with FaultServer(script) as server:
        assert "was changed while it was read" in refusal(f"{server.url}/a.txt")


def test_a_range_that_cannot_be_used_is_followed_by_the_whole() -> None:
    """It is refused, or is encoded although the start was not."""
    part = gzip.compress(text[200_000:])
    places = f"bytes 200000-{len(text) - 1}/{len(text)}"
    encoded = head("206 Part", len(part), Content_Encoding="gzip", Content_Range=places) + part
    for answer in (head("416 Range Not Satisfiable", 0), encoded):
        whole = head(length=len(text), **tag)
        replies = iter([whole + text[:200_000], answer, whole + text])
        with FaultServer(lambda _, replies=replies: iter([next(replies)])) as server:  # type: ignore[misc]
            assert text == read(f"{server.url}/a.txt")


def test_ranges_that_are_shorter_than_asked_for_are_put_together() -> None:
    """Some servers send a part at a time."""

    def script(request: Request) -> Iterator[bytes | None]:
        if not request.start:
            yield head(length=len(text), **tag) + text[:200_000]
        else:
            end = min(request.start + 150_000, len(text))
            places = f"bytes {request.start}-{end - 1}/{len(text)}"
            start = head("206 Partial Content", end - request.start, Content_Range=places, **tag)
            yield start + text[request.start : end]

    with FaultServer(script) as server:
        assert text == read(f"{server.url}/a.txt")
        assert 4 == len(server.requests)


def test_a_range_from_another_place_is_refused() -> None:
    """Its bytes would stand where they do not belong."""

    def script(request: Request) -> Iterator[bytes | None]:
        start, body = file(request, text, tag)
        if not request.start:
            yield start + body[:200_000]
        else:
            yield start.replace(b"bytes 200000-", b"bytes 100000-") + body

    with FaultServer(script) as server:
        assert "of another range than from 200000" in refusal(f"{server.url}/a.txt")


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ([], "no reply within 0.3 s"),
        ([b"HTTP/1.1 200 OK\r\nContent-"], "no reply within 0.3 s"),
        ([head(length=100)], "not a byte came for 0.3 s"),
    ],
    ids=["before the headers", "in the headers", "after the headers"],
)
def test_a_server_that_hangs_is_tried_twice(part: list[bytes], problem: str) -> None:
    """With both tries it is told of within two minutes, by the waits that are not shortened."""
    with FaultServer(always(*part, hang)) as server:
        message = refusal(f"{server.url}/a.txt")
        assert 2 == len(server.requests)
    assert problem in message


def test_a_server_that_takes_no_connection_is_told_of() -> None:
    """Its queue is full; the system goes on asking for minutes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.txt"
        assert "no connection within 0.3 s" in refusal(url)


def test_a_download_that_hangs_in_the_middle_goes_on() -> None:
    """As one that is cut."""

    def script(request: Request) -> Iterator[bytes | None]:
        start, body = file(request, text, tag)
        yield start
        yield body[:200_000] if request.number == 1 else body
        yield hang

    with FaultServer(script) as server:
        assert text == read(f"{server.url}/a.txt")


def test_a_slow_download_lives_longer_than_any_wait() -> None:
    """As long as something comes; this one takes more time than each limit."""

    def script(request: Request) -> Iterator[bytes | None]:
        del request
        yield head(length=10)
        for number in range(10):
            sleep(0.1)
            yield str(number).encode()

    with FaultServer(script) as server:
        assert b"0123456789" == read(f"{server.url}/a.txt")
        assert 1 == len(server.requests)


def test_headers_without_end_are_given_up() -> None:
    """A byte now and then is no reply."""

    def script(request: Request) -> Iterator[bytes | None]:
        del request
        yield b"HTTP/1.1 200 OK\r\nX: "
        while True:
            sleep(0.1)
            yield b"x"

    with FaultServer(script) as server:
        assert "no reply within 0.5 s" in refusal(f"{server.url}/a.txt")


def test_a_reply_without_end_ends_with_the_budget() -> None:
    """Whether it says its length, has none, or decodes to nothing at all."""
    empty = gzip.compress(b"")

    def script(request: Request) -> Iterator[bytes | None]:
        encoded = {"Content_Encoding": "gzip"} if "gzip" in request.path else {}
        yield head(length=10**15 if "length" in request.path else None, **encoded)
        while True:
            yield (empty if encoded else b"text\n") * 1000

    with FaultServer(script) as server:
        for path in ("length", "none", "gzip"):
            message = refusal(f"{server.url}/{path}", most=300_000)
            assert "exceeds reading.maximum_bytes, 300,000 bytes read, at http" in message


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("404 Not Found", "does not exist"),
        ("410 Gone", "does not exist"),
        ("403 Forbidden", "may not be read: permission denied"),
        ("204 No Content", "cannot be read (204 No Content)"),
        ("304 Not Modified", "cannot be read (304 Not Modified)"),
        ("206 Partial Content", "cannot be read (206 that was not asked for)"),
    ],
)
def test_a_reply_without_a_file_is_not_tried_again(status: str, problem: str) -> None:
    """Nothing would be different."""
    with FaultServer(always(head(status, 0))) as server:
        url = f"{server.url}/a.txt?name=secret"
        assert refusal(url).startswith(f"the corpus {server.url}/a.txt {problem}")
        assert 1 == len(server.requests)


def test_a_server_that_fails_once_is_tried_again() -> None:
    """An error of the server may pass; two in a row are told of."""
    replies = iter(["500 Oh no", "200 OK", "500 Oh no", "503 Busy"])
    with FaultServer(lambda _: iter([head(next(replies), 4) + b"text"])) as server:
        assert b"text" == read(f"{server.url}/a.txt")
        assert "cannot be read (503 Busy)" in refusal(f"{server.url}/a.txt", transient=True)
        assert 4 == len(server.requests)


def test_redirects_in_a_circle_are_refused() -> None:
    """After ten."""
    with FaultServer(lambda request: iter([head("302 Found", 0, Location=request.path)])) as server:
        assert "cannot be read (302 10 times" in refusal(f"{server.url}/a.txt")
        assert 10 == len(server.requests)


def test_more_bytes_than_the_length_says_are_refused() -> None:
    """They may be the text, and the length wrong."""
    for length, body in ((4, b"text and more"), (len(text) - 10, text)):
        closing = head(length=length)
        for start in (closing, closing.replace(b"Connection: close\r\n", b"")):
            with FaultServer(always(start + body)) as server:
                assert "or more bytes than its Content-Length" in refusal(f"{server.url}/a.txt")


def test_what_is_no_http_is_refused() -> None:
    """In one line, whatever it is."""
    with FaultServer(always(b"SSH-2.0-OpenSSH\r\n\r\n")) as server:
        assert "no valid HTTP" in refusal(f"{server.url}/a.txt")
