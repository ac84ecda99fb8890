"""The rows of a sweep: each cell at the end of each of its rungs, drawn from the runs' logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flows.references import CellRef, MeasuredRef, RungRef, SweepRef
from flows.storage import sweeps
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.log import Record
from flows.storage.names import sweep_folder
from flows.storage.open_run import OpenRun
from flows.storage.stores import Store
from rnncore import estimates

Row = dict[str, Any]


def write_table(
    store: Store, sweep: SweepRef, rungs: Sequence[RungRef], chosen: MeasuredRef
) -> tuple[str, list[Row]]:
    """Write the file of a sweep; its address and its rows."""
    rows = rows_of(store, sweep, rungs, chosen)
    run = chosen.checkpoint.run
    month = OpenRun(store, run.model, run.run_id).log.month(chosen.checkpoint.digest)
    path = f"{sweep_folder}/{run.model}/{month}/{sweep.sweep_id}.parquet"
    return sweeps.write(store, path, list(sweep.cells[0].options), rows), rows


def rows_of(
    store: Store, sweep: SweepRef, rungs: Sequence[RungRef], chosen: MeasuredRef
) -> list[Row]:
    """A row for each cell and each rung that it entered."""
    found = []
    for cell in sweep.cells:
        run = cell.work.run
        opened = OpenRun(store, run.model, run.run_id)
        records = [one for one in opened.log.history() if isinstance(one[1], CheckpointRecord)]
        network, shards = opened.run.network(), opened.run.shards or 1
        about = {
            "sweep_id": sweep.sweep_id,
            "schema_version": sweeps.sweep_format,
            "model": run.model,
            "dataset_id": run.dataset_id,
            "cell": cell.number,
            "run_id": run.run_id,
            "parameters": estimates.weight_count(cell.work.vocabulary_size, network.hidden_size),
            "options": json.dumps(cell.training, sort_keys=True),
            **cell.options,
        }
        characters = network.seq_length * network.batch_size * shards
        found += [about | row for row in _rungs(cell, records, rungs, chosen, characters)]
    return found


def _rungs(
    cell: CellRef,
    records: Sequence[tuple[Record, Any]],
    rungs: Sequence[RungRef],
    chosen: MeasuredRef,
    characters: int,
) -> Iterator[Row]:
    """What differs from rung to rung; an iteration trains so many `characters`."""
    for one in rungs:
        if one.run_id != cell.work.run.run_id:
            continue
        before = [found for found in records if found[1].iteration <= (one.iteration or 0)]
        speed = _speed([record for _, record in before], characters)
        times = [entry.created_at for entry, found in before if found.digest == one.digest]
        best = chosen.checkpoint
        is_chosen = (one.run_id, one.digest) == (best.run.run_id, best.digest)
        iterations = one.iteration
        yield {
            "rung": one.rung,
            "state": _state(cell, one, is_chosen=is_chosen),
            "iterations": iterations,
            "epochs": iterations and iterations / cell.work.iterations_per_epoch,
            "bits_per_character_even": one.bits,
            "bits_per_character_odd": chosen.held_out_bits_per_character if is_chosen else None,
            "seconds": iterations * characters / speed if iterations and speed else None,
            "characters_per_second": speed,
            "checkpoint_digest": one.digest,
            "time": datetime.fromisoformat(times[0]) if times else None,
            "error": one.error,
        }


def _state(cell: CellRef, one: RungRef, *, is_chosen: bool) -> str:
    if one.error is not None:
        return "failed"
    if is_chosen:
        return "chosen"
    if one.goes_on:
        return "went_on"
    return "finished" if one.rung == len(cell.goals) else "stopped"


def _speed(records: Sequence[CheckpointRecord], characters: int) -> float | None:
    """Characters per second over the parts of a training whose speed is known."""
    before, known, seconds = 0, 0, 0.0
    for record in records:
        trained = (record.iteration - before) * characters
        if trained > 0 and record.characters_per_second:
            known += trained
            seconds += trained / record.characters_per_second
        before = record.iteration
    return known / seconds if seconds else None
