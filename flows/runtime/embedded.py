"""The embedded server: Prefect's own, in a process that loads it while this one imports the flow.

Prefect itself would start it at a flow's first call, and load its code in the flow's process too.
This module imports Prefect in the server's process alone, so that it is the first thing to run.
"""

from __future__ import annotations

import atexit
import gc
import os
import socket
import subprocess
import sys
from threading import Thread

# Of events, which nobody reads after the run: they would be half of its database.
unused_services = ("EVENT_PERSISTER", "TRIGGERS")
patience_seconds = 5  # for the server to end
serving: set[str] = set()  # URLs of the APIs of this process's embedded servers


class EmbeddedServer:
    """A process that loads Prefect's server, serves when it is told to, and ends with this one.

    It holds the other end of a pipe: whatever ends this process, the server reads it there.
    """

    def __init__(self) -> None:
        # It listens from here on, so that a request waits until the server is ready.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command
                [sys.executable, "-P", __file__, str(listener.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                process_group=0,  # Ctrl-C is for the flow, which still has to report its end
            )
        atexit.register(self.stop)

    def serve(self) -> None:
        """Let it serve; until then it touches no file."""
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        serving.add(self.url)

    def stop(self) -> None:
        """End it, after what it still has to write."""
        if self.url not in serving:
            self._process.kill()
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()


def serve(listener: socket.socket) -> None:
    """Load Prefect's server, wait for a line on standard input, and serve until that ends."""
    gc.disable()  # what is imported stays: to look for garbage takes a fifth of the time
    os.environ["PREFECT__SERVER_EPHEMERAL"] = "1"
    for service in unused_services:
        os.environ.setdefault(f"PREFECT_SERVER_SERVICES_{service}_ENABLED", "false")
    import uvicorn
    from prefect.server.api.server import create_app

    from flows.runtime.sqlite import begin_at_once

    begin_at_once()
    app = create_app(ephemeral=True, final=True)
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))

    def stop_at_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    if sys.stdin.readline():
        Thread(target=stop_at_end, daemon=True).start()
        server.run(sockets=[listener])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
