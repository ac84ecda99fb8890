"""Task: choose the best cell of a sweep."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.sweeps.choice import choose
from flows.references import MeasuredRef, RungRef, SweepRef
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("choose the best of sweep {sweep.sweep_id}")
def choose_cell(sweep: SweepRef, rungs: tuple[RungRef, ...], most: int) -> MeasuredRef:
    """The checkpoint that is best on the held-out blocks of even digest, measured on those of odd."""
    measured = choose(open_store(sweep.cells[0].work.run.store), sweep, rungs, most)
    chosen = measured.checkpoint
    get_run_logger().info("chosen: run %s at iteration %d", chosen.run.run_id, chosen.iteration)
    return measured
