"""What the storage layer reports as corrupt."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flows.exceptions import DamagedObject
from flows.storage.damage import logger


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[DamagedObject] = []

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args
        assert isinstance(arguments, tuple)
        assert isinstance(arguments[0], DamagedObject)
        self.found.append(arguments[0])


@contextmanager
def reported() -> Iterator[list[DamagedObject]]:
    """The corrupt objects that are reported inside the `with` block, in order."""
    collector = _Collector()
    logger.addHandler(collector)
    try:
        yield collector.found
    finally:
        logger.removeHandler(collector)
