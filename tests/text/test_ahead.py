"""What is made ahead of its reader comes in the same order, errors too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from operator import floordiv
from threading import Event, current_thread

import pytest

from flows.text.ahead import ahead, groups, in_order


def test_an_error_comes_after_the_items_before_it() -> None:
    """In the thread of the reader."""

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    found = ahead(items())

    assert 1 == next(found)
    with pytest.raises(ValueError, match="the second"):
        next(found)


def test_the_next_item_is_made_while_the_last_one_is_used() -> None:
    """In another thread."""
    made, threads = Event(), []

    def items() -> Iterator[int]:
        for number in range(2):
            threads.append(current_thread())
            yield number
        made.set()

    found = ahead(items())
    assert [0, 1] == [next(found), next(found)]

    assert made.wait(10)
    assert current_thread() not in threads


def submitted(
    pool: ThreadPoolExecutor, numbers: Iterable[int]
) -> Iterator[tuple[int, Future[int]]]:
    """Calls that divide 12 by numbers, the first ones the slowest."""
    for number in numbers:
        yield number, pool.submit(floordiv, 12, number)


def test_what_calls_return_comes_in_their_order() -> None:
    """Each with what belongs to it; so many are submitted ahead, no more."""
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in (1, 2, 3, 4, 6):
            made.append(number)
            yield number

    with ThreadPoolExecutor(3) as pool:
        found = in_order(submitted(pool, numbers()), 2, lambda: None)
        assert (1, 12) == next(found)
        assert [1, 2] == made
        assert [(2, 6), (3, 4), (4, 3), (6, 2)] == list(found)


def test_the_error_of_the_first_call_is_raised_whatever_fails_first() -> None:
    """Also where a later call could not even be made."""

    def numbers() -> Iterator[int]:
        yield from (1, 0)
        raise OSError("no more numbers")

    with ThreadPoolExecutor(2) as pool:
        found = in_order(submitted(pool, numbers()), 8, lambda: None)
        assert (1, 12) == next(found)
        with pytest.raises(ZeroDivisionError):
            next(found)
        found = in_order(submitted(pool, chain([2], numbers())), 1, lambda: None)
        assert [(2, 6), (1, 12)] == [next(found), next(found)]


def test_a_call_that_could_not_be_made_is_told_of_after_those_before_it() -> None:
    """They are read first."""

    def numbers() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("no more numbers")

    with ThreadPoolExecutor(2) as pool:
        found = in_order(submitted(pool, numbers()), 8, lambda: None)
        assert [(1, 12), (2, 6)] == [next(found), next(found)]
        with pytest.raises(OSError, match="no more numbers"):
            next(found)


def test_who_waits_for_a_call_can_be_stopped_and_the_others_do_not_begin() -> None:
    """The one in work goes on to its end."""
    go = Event()

    def stop() -> None:
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool:
        calls = [(number, pool.submit(go.wait, 60)) for number in range(3)]
        with pytest.raises(KeyboardInterrupt):
            next(in_order(calls, 3, stop))
        go.set()
    assert [False, True, True] == [call.cancelled() for _, call in calls]


def test_an_error_comes_after_the_group_before_it() -> None:
    """As it would without groups."""

    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise OSError("no more")

    found = groups(items(), 2)
    assert [[1, 2], [3]] == [next(found), next(found)]
    with pytest.raises(OSError, match="no more"):
        next(found)
