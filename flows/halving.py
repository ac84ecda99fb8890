"""Successive halving: the cells of a sweep as tasks side by side, rung by rung."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prefect import get_run_logger

from flows.display.artifacts import Progress
from flows.display.terminal import live_training
from flows.exceptions import RunCancelled
from flows.lifecycle.sweeps.rungs import going_on
from flows.references import CellRef, RungRef, SweepRef
from flows.runtime.engines import Outcome, Piece, Workers
from flows.tasks.train_cell import train_cell


def train_cells(sweep: SweepRef, workers: Workers, most: int) -> tuple[RungRef, ...]:
    """Train the runs of a sweep, the best share of each rung going on; what came of each, in order.

    A run that fails drops out. Raises `RunCancelled` where the flow run was cancelled.
    """
    runs, rungs = sweep.runs, len(sweep.cells[0].goals)
    entered, ended = list(runs), []
    run = sweep.cells[0].work.run
    for rung in range(1, rungs + 1):
        progress = Progress(run.store, run.model, 0, len(entered))
        found = {}
        for count, one in enumerate(_rung(map(runs.__getitem__, entered), rung, workers, most), 1):
            found[one.run_id] = one
            progress.update(count)
        bits = {name: bits for name in entered if (bits := found[name].bits) is not None}
        best = going_on(bits, len(entered), sweep.factor) if rung < rungs else []
        ended += [found[name].model_copy(update={"goes_on": name in best}) for name in entered]
        entered = [name for name in entered if name in best]
        if not entered:
            break
    return tuple(ended)


def _rung(cells: Iterable[CellRef], rung: int, workers: Workers, most: int) -> Iterator[RungRef]:
    """What came of the cells of a rung, as they end."""
    pieces = (
        Piece(
            f"cell {cell.number}, rung {rung}: to iteration {cell.goals[rung - 1]}",
            {"cell": cell, "rung": rung, "most": most},
        )
        for cell in cells
    )
    for outcome in workers.outcomes(train_cell, pieces):
        if isinstance(outcome.error, RunCancelled):
            raise outcome.error
        one = _ended(outcome, rung)
        number = outcome.piece.arguments["cell"].number
        bits = f"failed: {one.error}" if one.bits is None else f"{one.bits:.3f} bits per character"
        sentence = f"cell {number}, rung {rung}: {bits}"
        get_run_logger().log(30 if one.error else 20, "%s", sentence)
        live_training().announce(sentence)
        yield one


def _ended(outcome: Outcome, rung: int) -> RungRef:
    """What came of a cell; why, where it failed."""
    if outcome.error is None:
        value: RungRef = outcome.value
        return value
    run = outcome.piece.arguments["cell"].work.run
    return RungRef(run_id=run.run_id, rung=rung, error=str(outcome.error) or repr(outcome.error))
