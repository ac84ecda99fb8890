"""Task: train a cell of a sweep to the end of a rung."""

from __future__ import annotations

from threading import Event

from prefect import get_run_logger

from flows.lifecycle import chunk
from flows.lifecycle.referring import schedule_of_work
from flows.lifecycle.sweeps.training import selecting_evaluation, train_to
from flows.references import CellRef, RungRef
from flows.runtime.decorators import task
from flows.runtime.interruption import finish_when_interrupted
from flows.storage.open_run import open_run


@task()
def train_cell(cell: CellRef, rung: int, most: int) -> RungRef:
    """Train a run to the end of rung `rung`, from 1, with checkpoints as ever, and measure it on at
    most `most` characters of the held-out blocks of even digest.
    """
    run, logger = cell.work.run, get_run_logger()
    opened = open_run(run.store, run.model, run.run_id)
    goal = cell.goals[rung - 1]

    def train(stop: Event) -> RungRef:
        watcher = chunk.Watcher(
            lambda *_: None,
            lambda record: logger.info(chunk.describe(record, cell.work.iterations_per_epoch)),
            stop,
        )
        trained = train_to(opened, schedule_of_work(cell.work), goal, run.corpus, most, watcher)
        found = selecting_evaluation(opened, goal, most, stop)
        return RungRef(
            run_id=run.run_id,
            rung=rung,
            iteration=found.iteration,
            digest=found.digest,
            bits=found.held_out_bits_per_character,
            trained=trained,
        )

    return finish_when_interrupted(train)
