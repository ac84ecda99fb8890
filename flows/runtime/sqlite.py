"""SQLite under Prefect's server: what writes waits for its turn, instead of failing."""

from __future__ import annotations

from typing import Any


def begin_at_once() -> None:
    """Let each transaction of this process's server take SQLite's lock for writing when it begins.

    Prefect begins them as readers. One that has read cannot write any more when another has written
    meanwhile: the request is answered with 503, and its client waits for seconds. Worse, Python may
    then free the failed cursor in the event loop, which waits for the lock of its connection, and
    so for itself: the server stands still until SQLite gives up, after a minute.
    """
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "before_cursor_execute", retval=True)
    def begin(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        return statement.replace("BEGIN DEFERRED", "BEGIN IMMEDIATE"), parameters
