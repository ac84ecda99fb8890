"""Benchmarks unset what slows their opponents."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from benchmarks.opponents import slowing, start_again_without_slowing


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The processes that would replace this one."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    for name in slowing:
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.mark.parametrize("name", slowing)
def test_the_process_is_replaced_by_one_without_the_variable(
    started: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With the same arguments and all other variables."""
    before = dict(os.environ)
    monkeypatch.setenv(name, "Haswell")

    start_again_without_slowing()

    assert [(sys.executable, [sys.executable, *sys.orig_argv[1:]], before)] == started


def test_nothing_happens_where_nothing_slows(started: list[tuple[Any, ...]]) -> None:
    """The usual case."""
    start_again_without_slowing()

    assert [] == started
