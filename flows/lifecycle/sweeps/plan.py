"""The plan of a sweep: which run each cell is, where its rungs end, and what all of them take."""

from __future__ import annotations

from typing import NamedTuple

from flows.exceptions import CorpusError, ExpectedError, LimitExceeded, OptionConflict
from flows.lifecycle.estimates import Estimate, estimate
from flows.lifecycle.referring import work_reference
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.schedule import round_up
from flows.lifecycle.sweeps.cells import Cell
from flows.lifecycle.sweeps.rungs import rung_epochs
from flows.lifecycle.work import Work, find_work
from flows.parameters import SweepOptions
from flows.references import CellRef, DatasetRef, SweepRef
from flows.storage.canonical import identity
from flows.storage.checkpoints import CheckpointLog
from flows.storage.datasets import ScannedText
from flows.storage.open_run import OpenRun
from flows.storage.runs import save_run
from flows.storage.stores import Store
from flows.text import half_of


class PlannedCell(NamedTuple):
    """A cell, the run that it is, and the iterations at which its rungs end."""

    cell: Cell
    work: Work
    goals: tuple[int, ...]


def plan_cells(
    store: Store, dataset: ScannedText, cells: list[Cell], sweep: SweepOptions
) -> list[PlannedCell]:
    """The runs of all cells on a dataset; nothing is written. An error names its cell."""
    _check_halves(dataset, cells[0].request)
    planned = []
    for cell in cells:
        try:
            work = _find(store, dataset, cell.request)
            epochs = rung_epochs(sweep, cell.request.epochs(work.run))
        except (CorpusError, OptionConflict) as error:
            raise type(error)(f"{cell.name}: {error}") from error
        schedule = work.schedule
        goals = tuple(round_up(each * schedule.per_epoch, schedule.round) for each in epochs)
        planned.append(PlannedCell(cell, work, goals))
    return planned


def _find(store: Store, dataset: ScannedText, request: TrainingRequest) -> Work:
    """The run that a cell is: one that retention removed is trained again, to be compared."""
    forced = request.model_copy(update={"force": True})
    if request.training.start_from == "scratch":  # its name follows from the request alone
        return find_work(store, dataset, forced)
    work = find_work(store, dataset, request)
    return find_work(store, dataset, forced) if work.answer else work


def _check_halves(dataset: ScannedText, request: TrainingRequest) -> None:
    """Refuse a text whose held-out blocks cannot both select and judge."""
    held_out, most = request.divide(dataset).held_out, request.evaluation.maximum_characters
    halves = [half_of(held_out, "even"), half_of(held_out, "odd")]
    if not all((half.smallest(most).lengths > 1).any() for half in halves):
        even, odd = map(len, halves)
        raise CorpusError(
            f"a sweep selects on the held-out blocks of even digest and decides on those of odd digest:"
            f" the text has {even} and {odd}, at least one of each expected: give a longer corpus,"
            " or a larger evaluation.held_out"
        )


def estimate_sweep(
    store: Store, dataset: ScannedText, planned: list[PlannedCell], factor: int, workers: int
) -> Estimate:
    """What all cells take, of which so many are trained at a time.

    A cell whose checkpoints would be too large is named.
    """
    alone = estimate(store, dataset, None, None)
    found = []
    for cell, work, _ in planned:
        one = estimate(store, dataset, cell.request.model_copy(update={"sampling": None}), work)
        found.append(one._replace(disk=one.disk - alone.disk, files=one.files - alone.files))
        try:
            for each in one.objects:
                each.check()
        except ExpectedError as error:
            raise LimitExceeded(f"{cell.name}: {error}") from error
    largest = max(each.memory for each in found)
    return Estimate(
        memory=largest + (min(workers, len(found)) - 1) * (largest - alone.memory),
        disk=alone.disk + sum(each.disk for each in found),
        files=alone.files + sum(each.files for each in found),
        operations=_share(planned, factor) * sum(each.operations for each in found) / workers,
    )


def iterations_left(store: Store, planned: list[PlannedCell]) -> list[int]:
    """Iterations that each cell has before it to the end of its last rung."""
    left = []
    for cell, work, goals in planned:
        newest = CheckpointLog(store, cell.request.model, work.run.run_id).newest()
        left.append(max(0, goals[-1] - (newest.record.iteration if newest else 0)))
    return left


def _share(planned: list[PlannedCell], factor: int) -> float:
    """Of the iterations of all cells to their end, those that are trained with halving."""
    goals, entered, before, share = planned[0].goals, len(planned), 0, 0.0
    for goal in goals:
        share += entered * (goal - before) / (goals[-1] * len(planned))
        entered, before = max(1, entered // factor), goal
    return share


def sweep_reference(
    store: Store, dataset: DatasetRef, planned: list[PlannedCell], sweep: SweepOptions, most: int
) -> SweepRef:
    """The sweep as tasks take it; the runs of all cells are described in the store from now on."""
    cells = []
    for cell, work, goals in planned:
        request = cell.request
        save_run(store, request.model, work.run)
        OpenRun(store, request.model, work.run.run_id).run  # noqa: B018 - refuses a corrupt one
        cells.append(
            CellRef(
                number=cell.number,
                options=cell.options,
                training=request.training.model_dump(mode="json") | {"seed": request.seed},
                work=work_reference(dataset, request.model, store, work),
                goals=goals,
            )
        )
    content = [[each.options, each.work.run.run_id, each.goals] for each in cells]
    name = identity([content, sweep.factor, most, dataset.dataset_id])
    return SweepRef(sweep_id=name, cells=tuple(cells), factor=sweep.factor)
