"""Works that share the memory of a process: one waits while others have taken it."""

from __future__ import annotations

import threading

import pytest

from flows.lifecycle.room import Room


def test_a_work_waits_until_there_is_room() -> None:
    """Two of four bytes fit into ten, a third one begins when one of them has ended."""
    room, running, most = Room(lambda: 10), set[int](), list[int]()
    gates = [threading.Event() for _ in range(6)]
    lock = threading.Lock()

    def work(number: int) -> None:
        with room.taken(4, lambda: None):
            with lock:
                running.add(number)
                most.append(len(running))
            gates[number].wait(60)
            with lock:
                running.discard(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for gate in gates:
        gate.set()
    for thread in threads:
        thread.join()

    assert 6 == len(most)
    assert 2 >= max(most)


def test_a_work_that_is_larger_than_the_room_has_it_alone() -> None:
    """Else it would wait for ever."""
    room = Room(lambda: 10)
    with room.taken(20, lambda: None):
        pass


def test_what_waits_can_be_stopped() -> None:
    """And takes nothing with it."""
    room = Room(lambda: 10)

    def stop() -> None:
        raise KeyboardInterrupt

    with room.taken(8, lambda: None):
        with pytest.raises(KeyboardInterrupt), room.taken(8, stop):
            pass
        with room.taken(2, stop):
            pass
    with room.taken(10, stop):
        pass
