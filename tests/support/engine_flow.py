"""Flows with pieces that wait, stop and die, for tests of engines."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Event
from typing import Any

from prefect import Task, get_run_logger

from flows.exceptions import CorpusError
from flows.runtime.decorators import flow, task
from flows.runtime.engines import Piece, engine_of
from flows.runtime.interruption import finish_when_interrupted


@task()
def linger(folder: str, number: int) -> str:
    """Say which process this is, and wait until it may go, or has to stop."""
    (Path(folder) / f"{number}-{os.getpid()}").touch()
    get_run_logger().info("piece %d begins", number)

    def wait(stop: Event) -> str:
        while not (Path(folder) / "go").exists():
            if stop.wait(0.1):
                (Path(folder) / f"stopped-{number}").touch()
                return "stopped"
        return f"piece {number}"

    return finish_when_interrupted(wait)


@task()
def die(number: int) -> int:
    """Kill the worker, if the number is odd."""
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@task()
def refuse(number: int) -> int:
    """Fail with an error of ours, if the number is odd."""
    if number % 2:
        raise CorpusError(f"text {number} cannot be read")
    return number


tasks: dict[str, Task[..., Any]] = {"linger": linger, "die": die, "refuse": refuse}


@flow(run_name=lambda: "pieces", dry_run=())
def pieces(
    engine: str, name: str, arguments: list[dict[str, Any]], stores: list[str]
) -> list[list[Any]]:
    """What came of each piece, by its number: value and error."""
    found = {}
    work = [Piece(f"{name} {each['number']}", each) for each in arguments]
    with engine_of(engine, *stores) as workers:
        for outcome in workers.outcomes(tasks[name], work):
            error = outcome.error and f"{type(outcome.error).__name__}: {outcome.error}"
            found[outcome.piece.arguments["number"]] = [outcome.value, error]
    return [found[number] for number in sorted(found)]
