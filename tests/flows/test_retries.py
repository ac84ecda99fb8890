"""Trying again: only after what may pass."""

from __future__ import annotations

import errno
import socket
from http import HTTPStatus
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponseError, RequestInfo, ServerDisconnectedError
from prefect import State, Task
from prefect.states import Failed

from flows.retries import retried, worth_another_try
from flows.storage.exceptions import CorpusError, StoreError


def reply(status: HTTPStatus) -> ClientResponseError:
    """What aiohttp raises for a reply of that status."""
    return ClientResponseError(Mock(spec=RequestInfo), (), status=status)


def caused_by(cause: Exception) -> State[None]:
    """The state of a task whose error was raised from `cause`."""
    error = CorpusError("the corpus cannot be read")
    error.__cause__ = cause
    return Failed(data=error)


def tried_again(state: State[None]) -> bool:
    """Whether Prefect would run the task once more."""
    return worth_another_try(Mock(spec=Task), Mock(), state)


@pytest.mark.parametrize(
    "cause",
    [
        ConnectionResetError(),
        TimeoutError(),
        OSError(errno.EIO, "input/output error"),
        ServerDisconnectedError(),
        reply(HTTPStatus.SERVICE_UNAVAILABLE),
        reply(HTTPStatus.TOO_MANY_REQUESTS),
    ],
)
def test_what_may_pass_is_tried_again(cause: Exception) -> None:
    """Networks, servers and disks come back."""
    assert tried_again(caused_by(cause))


@pytest.mark.parametrize(
    "cause",
    [
        FileNotFoundError(),
        PermissionError(),
        OSError(errno.ENOSPC, "no space left"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        reply(HTTPStatus.NOT_FOUND),
        socket.gaierror(socket.EAI_NONAME, "no such host"),
    ],
)
def test_bad_input_is_not_tried_again(cause: Exception) -> None:
    """What is wrong stays wrong until someone mends it."""
    assert not tried_again(caused_by(cause))


def test_errors_of_our_own_are_not_tried_again() -> None:
    """A sentence without a failure of input or output behind it is final."""
    assert not tried_again(Failed(data=StoreError("the store is a file")))


def test_delays_grow() -> None:
    """Two, four and eight seconds, each up to half as long again."""
    delays = retried["retry_delay_seconds"](retried["retries"])

    assert [2, 4, 8] == delays
    assert retried["retry_jitter_factor"] == 0.5
