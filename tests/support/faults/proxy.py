"""A proxy for an S3 server that loses, refuses, delays and corrupts requests and replies."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from contextlib import suppress
from threading import Thread
from typing import Self
from urllib.parse import urlsplit

refusals = {
    "500": b"HTTP/1.1 500 Internal Server Error",
    "503": b"HTTP/1.1 503 Service Unavailable",
}
every_request = ("lost reply", "reset", "500", "503", "slow")
corrupted_reads = ("flipped body", "short body")
reads = r"GET (?!\S*list-type)"  # of objects, not of folders
records = r"PUT \S*/log/"


class FaultProxy:
    """Listens on loopback; injects one of `faults` into a share of the requests, at random.

    `only` is a regular expression for the start of such requests, as in "GET /bucket/object".
    """

    def __init__(
        self, server: str, faults: tuple[str, ...], share: float, seed: int, only: str = ""
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.url = ""
        self._server = urlsplit(server)
        self._faults = faults
        self._share = share
        self._only = re.compile(only)
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close: every request has its own connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"\r\nexpect:" in head.lower():
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                head = without_header(head, b"expect")
            body = await reader.readexactly(length_of(head))
            self.counts["requests"] += 1
            writer.write(await self._reply(head, body))
            await writer.drain()
        writer.close()

    async def _reply(self, head: bytes, body: bytes) -> bytes:
        """What the client receives: nothing if the connection breaks."""
        fault = self._draw(head)
        if fault == "reset":
            return b""
        if fault in refusals:
            return refusals[fault] + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        if fault == "slow":
            await asyncio.sleep(self._random.uniform(0.1, 0.5))
        reply = await self._ask(head, body)
        if fault == "lost reply":
            return b""
        head, separator, body = reply.partition(b"\r\n\r\n")
        if fault == "short body":
            body = body[: len(body) // 2]
        if fault == "flipped body":
            at = self._random.randrange(len(body)) if body else 0
            body = body[:at] + bytes([byte ^ 1 for byte in body[at : at + 1]]) + body[at + 1 :]
        return head + separator + body

    def _draw(self, head: bytes) -> str:
        """The fault of this request, empty if none."""
        if not self._only.match(head.decode("latin-1")):
            return ""
        if self._random.random() >= self._share:
            return ""
        fault = self._random.choice(self._faults)
        self.counts[fault] += 1
        return fault

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        """The server's complete reply."""
        reader, writer = await asyncio.open_connection(self._server.hostname, self._server.port)
        closing = without_header(head, b"connection")[:-2] + b"Connection: close\r\n\r\n"
        writer.write(closing + body)
        await writer.drain()
        reply = await reader.read()
        writer.close()
        return reply


def length_of(head: bytes) -> int:
    """The Content-Length of a request, 0 if it has none."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def without_header(head: bytes, name: bytes) -> bytes:
    """The head without one of its headers."""
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(name + b":"))
