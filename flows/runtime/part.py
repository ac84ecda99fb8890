"""Whether a flow was called as one of many by another, which then does once what concerns them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_part: ContextVar[bool] = ContextVar("is_part", default=False)


@contextmanager
def part_of_many() -> Iterator[None]:
    """Flows that are called meanwhile are some of many."""
    token = _is_part.set(True)
    try:
        yield
    finally:
        _is_part.reset(token)


def is_part_of_many() -> bool:
    """Whether this flow is one of many: it tidies no store, draws no index, and shows no progress."""
    return _is_part.get()
