"""Corrupt objects: read again before they are called so, logged, named with what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from flows.exceptions import DamagedObject, NewerFormat

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")

read_tries = 3
logger = logging.getLogger(__name__)


def warn(error: DamagedObject, consequence: str = "skipped") -> None:
    """Log a warning about a corrupt object. A run under Prefect shows each once."""
    logger.warning("%s; %s", error, consequence)


def read_again_if_damaged(read: Callable[Arguments, Found]) -> Callable[Arguments, Found]:
    """Let `read` try again before it calls an object corrupt: only the reply may have been."""

    @wraps(read)
    def patient_read(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Found:
        for _ in range(read_tries - 1):
            try:
                return read(*args, **kwargs)
            except DamagedObject:
                continue
        return read(*args, **kwargs)

    return patient_read


@contextmanager
def removable() -> Iterator[None]:
    """Decorates what reads an object that a run writes again where it is missing."""
    try:
        yield
    except DamagedObject as error:
        reason = f"{error.reason}: remove it, and the next run writes it again"
        raise DamagedObject(error.name, reason) from error


def too_large(name: str, size: int | None, most: int) -> DamagedObject:
    """The error about an object that is too large for its kind; None for a size not known."""
    found = "is too large" if size is None else f"has {size:,} bytes"
    return DamagedObject(name, f"{found}, expected at most {most:,}")


def check_format(name: str, found: object, newest: int) -> None:
    """ValueError for a format that no program wrote, `NewerFormat` for one of a newer program."""
    if type(found) is not int or found < 1:
        raise ValueError(f"its format is {str(found)[:20]!r}, expected a whole number from 1")
    if found > newest:
        raise NewerFormat(name, found, newest)
