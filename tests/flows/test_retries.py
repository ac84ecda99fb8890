"""Retries: only after transient failures, which are recognised by the type of our errors."""

from __future__ import annotations

import errno
import socket
from http import HTTPStatus
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponseError, RequestInfo, ServerDisconnectedError
from prefect import State, Task
from prefect.states import Failed

from flows.corpus.files import unreadable
from flows.exceptions import (
    CorpusError,
    CorpusUnavailable,
    DamagedObject,
    NotDurable,
    NotDurableYet,
    RunConflict,
    StoreError,
    StoreUnavailable,
    TrainingStopped,
)
from flows.runtime.retries import retries, should_retry
from flows.storage.failures import store_error


def reply(status: HTTPStatus) -> ClientResponseError:
    """What aiohttp raises for a reply of that status."""
    return ClientResponseError(Mock(spec=RequestInfo), (), status=status)


def retried(state: State[None]) -> bool:
    """Whether Prefect would run the task once more."""
    return should_retry(Mock(spec=Task), Mock(), state)


transient = [
    ConnectionResetError(),
    TimeoutError(),
    OSError(errno.EIO, "input/output error"),
    ServerDisconnectedError(),
    reply(HTTPStatus.SERVICE_UNAVAILABLE),
    reply(HTTPStatus.TOO_MANY_REQUESTS),
]
permanent = [
    FileNotFoundError(),
    PermissionError(),
    OSError(errno.ENOSPC, "no space left"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    reply(HTTPStatus.NOT_FOUND),
    socket.gaierror(socket.EAI_NONAME, "no such host"),
]


@pytest.mark.parametrize("cause", transient, ids=lambda error: type(error).__name__)
def test_transient_failures_are_retried(cause: Exception) -> None:
    """Of networks, servers and disks: by themselves, and as errors of a corpus or a store."""
    store, corpus = store_error("the store cannot be read", cause), unreadable("a.txt", cause)

    assert isinstance(store, StoreUnavailable)
    assert isinstance(corpus, CorpusUnavailable)
    for error in (cause, store, corpus):
        assert retried(Failed(data=error))


@pytest.mark.parametrize("cause", permanent, ids=lambda error: type(error).__name__)
def test_bad_input_is_not_retried(cause: Exception) -> None:
    """It stays wrong until someone fixes it."""
    store, corpus = store_error("the store cannot be read", cause), unreadable("a.txt", cause)

    assert type(store) is StoreError
    assert type(corpus) is CorpusError
    for error in (cause, store, corpus):
        assert not retried(Failed(data=error))


def test_only_the_type_of_our_errors_decides() -> None:
    """Whatever the cause of the error."""
    for permanent_error in (
        DamagedObject("record 1", "checksum mismatch"),
        RunConflict("advanced by another run"),
        TrainingStopped("the loss became inf"),
        NotDurable("cannot sync: no space left"),
    ):
        permanent_error.__cause__ = ConnectionResetError()
        assert not retried(Failed(data=permanent_error))
    assert retried(Failed(data=NotDurableYet("cannot sync: input/output error")))


def test_delays_grow() -> None:
    """Two, four and eight seconds, each plus up to half of it."""
    delays = retries["retry_delay_seconds"](retries["retries"])

    assert [2, 4, 8] == delays
    assert retries["retry_jitter_factor"] == 0.5
