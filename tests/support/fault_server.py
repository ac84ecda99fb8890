"""A web server that does what a test says, byte by byte: cuts, stalls, trickles, lies."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Self

hang = None  # yielded by a script: the connection stays open and brings nothing more


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    number: int  # from 1
    path: str
    headers: dict[str, str]  # names in lower case
    method: str = "GET"

    @property
    def start(self) -> int:
        """The first byte that the client wants."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


Script = Callable[[Request], Iterator[bytes | None]]


class FaultServer:
    """Answers each request with what a script yields, and closes the connection."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []
        self._script = script
        self._closed = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        self._threads = [Thread(target=self._listen)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        for each in (self._listener, *self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            with suppress(OSError):
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                thread = Thread(target=self._answer, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not (request := self._received(connection)):
                return
            for data in self._script(request):
                if self._closed.is_set():
                    return
                if data is hang:
                    self._closed.wait()
                else:
                    connection.sendall(data)

    def _received(self, connection: socket.socket) -> Request | None:
        received = b""
        while b"\r\n\r\n" not in received:
            if not (data := connection.recv(2**16)):
                return None
            received += data
        first, *lines = received.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        method, path, *_ = first.split()
        headers = {
            name.lower(): text.strip() for name, _, text in (x.partition(":") for x in lines)
        }
        request = Request(len(self.requests) + 1, path, headers, method)
        self.requests.append(request)
        return request


def head(status: str = "200 OK", length: int | None = None, **headers: str) -> bytes:
    """The beginning of a reply; `_` in the names of headers stands for `-`."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def always(*data: bytes | None) -> Script:
    """The script that sends the same to everybody."""
    return lambda _: iter(data)


def file(
    request: Request, data: bytes, headers: dict[str, str] | None = None, *, ranges: bool = True
) -> tuple[bytes, bytes]:
    """Beginning and body of the right reply: a range, if the client's condition is true."""
    headers = headers or {}
    start, size = request.start, len(data)
    valid = request.headers.get("if-range") in {headers.get("ETag"), headers.get("Last_Modified")}
    if not (ranges and start and valid):
        return head(length=size, **headers), data
    places = f"bytes {start}-{size - 1}/{size}"
    body = data[start:]
    return head("206 Partial Content", len(body), Content_Range=places, **headers), body
