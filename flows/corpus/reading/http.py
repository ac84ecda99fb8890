"""HTTP for a corpus: every request is checked before it is sent, every address before it is used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from flows.exceptions import CorpusError
from flows.storage.boundary import (
    LocalAddress,
    check_allowed,
    expanded,
    is_local,
    local_address,
    refuses_local_addresses,
)

connect_timeout = 20.0  # seconds until a server takes a connection
idle_timeout = 45.0  # seconds in which not a byte comes
headers_timeout = (
    55.0  # seconds until a reply begins, redirects included; twice is under two minutes
)


facts_timeout = 5.0  # seconds until a server tells of a file; it is read if none comes
facts = ("ETag", "Content-MD5", "Last-Modified")  # of a file, in headers


class TimedOut(ConnectionError):
    """Nothing came for as long as a corpus may keep a run waiting."""


def client_options(url: str) -> dict[str, Any]:
    """What fsspec passes to its HTTP filesystem, so that it reads `url` with such a client.

    Only an address with variables has a client of its own: others share one, and its connections.
    """
    return {"get_client": partial(checking_client, url if "$" in url else "")}


async def checking_client(url: str, **options: Any) -> Any:
    """A session that asks only for what corpora may be read from, redirects included.

    The variables of `url` are filled in as it is sent: fsspec, logs and errors never see them, and
    no address that a server redirects to gets them.
    """
    from aiohttp import ClientSession, TCPConnector  # slow to load, as fsspec's own import of it is
    from yarl import URL

    async def send_checked(request: Any, send: Any) -> Any:
        check_allowed(str(request.url), "corpus", CorpusError)
        if url and request.original_url == URL(url):
            request.url = URL(expanded(url, "corpus", CorpusError)).with_fragment(None)
        return await send(request)

    connector = TCPConnector(socket_factory=_open_socket)
    options.setdefault("timeout", timeouts())
    return ClientSession(connector=connector, middlewares=(send_checked,), **options)


def timeouts() -> Any:
    """How long aiohttp waits: a slow download may take hours, a dead one ends soon."""
    from aiohttp import ClientTimeout

    return ClientTimeout(
        total=None,
        connect=connect_timeout,
        sock_connect=connect_timeout,
        sock_read=idle_timeout,
    )


def _open_socket(address: Any) -> socket.socket:
    """The socket for an address that was looked up: after every check by name, a name may change."""
    family, kind, protocol, _, (host, *_) = address
    if refuses_local_addresses("corpus") and is_local(host):
        raise LocalAddress(local_address)
    return socket.socket(family, kind, protocol)


async def file_facts(filesystem: Any, path: str) -> dict[str, Any] | None:
    """Size, tag and time of a file, as fsspec names them; None where a server does not tell soon.

    fsspec would ask for the file itself then, and say of every failure that nothing is there.
    """
    from aiohttp import ClientError

    options = dict(filesystem.kwargs)
    headers = options.pop("headers", {}) | {"Accept-Encoding": "identity"}
    session = await filesystem.set_session()
    try:
        async with (
            asyncio.timeout(facts_timeout),
            session.head(
                filesystem.encode_url(path), allow_redirects=True, headers=headers, **options
            ) as reply,
        ):
            if reply.status != HTTPStatus.OK:
                return None
            found = {name: reply.headers[name] for name in facts if reply.headers.get(name)}
            is_encoded = reply.headers.get("Content-Encoding", "identity") != "identity"
            return {"size": None if is_encoded else reply.content_length, **found}
    except (ClientError, OSError):
        return None


async def next_piece(read: Callable[[int], Awaitable[bytes]], content: Any, most: int) -> bytes:
    """What `read` returns: bytes of a reply, of which aiohttp's `content` is the body.

    What came before a failure comes before the failure: aiohttp drops it, so that a connection
    that is cut soon would never bring anything.
    """
    from aiohttp import ClientPayloadError

    try:
        return bytes(await read(most))
    except Exception as error:
        if content.exception() and (piece := content._read_nowait(most)):  # noqa: SLF001 - there is no other way
            return bytes(piece)
        if isinstance(error, TimeoutError):  # fsspec gives it no words
            raise ConnectionError(f"not a byte came for {idle_timeout:g} s") from error
        if isinstance(error, ClientPayloadError):
            raise ConnectionError("the connection ended before the file did") from error
        raise
