"""An iterator whose next item is made in a thread while its reader works on the last one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items in the same order, one of them made ahead; errors come in their place.

    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    context = copy_context()  # the caller's, to which log records belong

    def make() -> list[Item]:
        return context.run(lambda: list(islice(items, 1)))

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make)
        while made := coming.result():
            coming = thread.submit(make)
            yield from made
