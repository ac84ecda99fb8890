"""Iterators whose next items are made while their reader works on the last one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
seconds_between = 0.5  # questions whether to go on waiting


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


def groups(
    items: Iterable[Item], most: int, weight: Callable[[Item], int] = lambda _: 1
) -> Iterator[list[Item]]:
    """Adjacent items, of at most that weight together; an error comes after those before it.

    >>> list(groups("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    >>> list(groups([1, 1, 1, 9, 1], 2, int))
    [[1, 1], [1], [9], [1]]
    """
    group, total, problem = list[Item](), 0, None
    try:
        for item in items:
            if group and total + weight(item) > most:
                yield group
                group, total = [], 0
            group.append(item)
            total += weight(item)
    except Exception as error:  # raised in its place
        problem = error
    if group:
        yield group
    if problem:
        raise problem


def in_order(
    calls: Iterable[tuple[Item, Future[Made]]], at_once: int, on_wait: Callable[[], None]
) -> Generator[tuple[Item, Made], None, None]:
    """What calls of an executor return, in their order; so many are submitted before the first ends.

    Each call comes with what belongs to it; errors come in their place, those of making a call too.
    `on_wait` may raise. At the end, whatever it is, those that have not begun are cancelled.
    """
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    remaining, problem = iter(calls), None
    try:
        while True:
            try:
                waiting.extend(islice(remaining, at_once - len(waiting)))
            except Exception as error:  # raised when the calls before it have returned
                remaining, problem = iter(()), error
            if not waiting and problem:
                raise problem
            if not waiting:
                return
            while not wait([waiting[0][1]], timeout=seconds_between).done:
                on_wait()
            item, call = waiting.popleft()
            yield item, call.result()
    finally:
        for _, call in waiting:
            call.cancel()
