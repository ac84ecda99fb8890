"""Trying again: after failures of input and output that may pass, never after bad input."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from prefect import State, Task
from prefect.client.schemas.objects import TaskRun
from prefect.tasks import exponential_backoff

passing_numbers = {errno.EAGAIN, errno.EIO, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ESTALE}
passing_statuses = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def worth_another_try(
    task: Task[..., Any],  # noqa: ARG001 - Prefect calls it with these names
    task_run: TaskRun,  # noqa: ARG001
    state: State[Any],
) -> bool:
    """Whether a task failed for a reason that may pass by itself."""
    error = state.result(raise_on_failure=False)
    if not isinstance(error, BaseException):
        return False
    chain = list(causes(error))
    return any(map(may_pass, chain)) and not any(map(is_unknown_host, chain))


def may_pass(error: BaseException) -> bool:
    """Whether `error` is one of networks, servers and disks that come back."""
    from aiohttp import ClientConnectionError  # here, since few runs fail and it is slow to load

    if isinstance(error, (ConnectionError, TimeoutError, ClientConnectionError)):
        return True
    if isinstance(error, OSError) and error.errno in passing_numbers:
        return True
    status = getattr(error, "status", None)  # of aiohttp's replies
    return status in passing_statuses or (
        isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def is_unknown_host(error: BaseException) -> bool:
    """Whether `error` says that there is no host of that name: a slip of the pen, most likely."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what it was raised from or in the handling of, and so on."""
    found: BaseException | None = error
    while found:
        yield found
        found = found.__cause__ or found.__context__


# Options of every task that reads or writes outside this process. After 2, 4 and 8 seconds, each
# up to half as long again, so that many runs do not come back all at once.
retried: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": worth_another_try,
}
