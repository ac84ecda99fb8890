"""An iterator that is made ahead gives the same, errors too."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, current_thread

import pytest

from flows.text.ahead import ahead


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
