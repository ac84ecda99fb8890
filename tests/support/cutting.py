"""A proxy on loopback that cuts or stalls connections after so many bytes of the server's."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


class Cuts:
    """How many connections are still cut, after how many bytes, and what is done before."""

    def __init__(self, after: int, times: int, then: Callable[[], object]) -> None:
        self.after = after
        self.left = times
        self.then = then

    def relay(self, client: socket.socket, port: int) -> None:
        """Pass on both directions until one side ends, or the server has sent too much."""
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            up = Thread(target=_copied, args=(client, server), daemon=True)
            up.start()
            sent = 0
            with suppress(OSError):
                while data := server.recv(2**16):
                    sent += len(data)
                    client.sendall(data)
                    if self.left and sent > self.after:
                        self.left -= 1
                        self.then()
                        break
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            up.join()


def _copied(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)


@contextmanager
def cutting(
    port: int, after: int, times: int = 1, then: Callable[[], object] = lambda: None
) -> Iterator[int]:
    """The port of such a proxy before the server at `port`."""
    cuts = Cuts(after, times, then)
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                Thread(target=cuts.relay, args=(client, port), daemon=True).start()

    thread = Thread(target=listen)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def stalling(port: int, after: int) -> Iterator[int]:
    """The port of a proxy that passes on so many bytes, a connection, and then nothing more."""
    end = Event()
    with cutting(port, after, times=1000, then=end.wait) as proxy:
        try:
            yield proxy
        finally:
            end.set()
