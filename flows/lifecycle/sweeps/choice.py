"""The choice of a sweep: the checkpoint that is best on one half of the held-out text."""

from __future__ import annotations

from collections.abc import Sequence

from flows.exceptions import DamagedObject, TrainingStopped, UnknownObject
from flows.lifecycle.evaluation import evaluate
from flows.lifecycle.referring import checkpoint_reference
from flows.references import MeasuredRef, RungRef, SweepRef
from flows.storage.damage import warn
from flows.storage.open_run import OpenRun
from flows.storage.stores import Store


def choose(store: Store, sweep: SweepRef, rungs: Sequence[RungRef], most: int) -> MeasuredRef:
    """The best checkpoint of all rungs of the runs that did not fail, measured on the other half.

    Of equal ones the first cell's and the first rung's. `TrainingStopped` where all have failed.
    """
    runs = sweep.runs
    failed = {one.run_id: one.error for one in rungs if one.error is not None}
    order = list(runs)
    compared = [one for one in rungs if one.run_id not in failed and one.bits is not None]
    for one in sorted(compared, key=lambda one: (one.bits, order.index(one.run_id), one.rung)):
        run = runs[one.run_id].work.run
        opened = OpenRun(store, run.model, run.run_id)
        try:
            record = opened.log.record(str(one.digest))
            opened.log.read(record)
        except (DamagedObject, UnknownObject) as error:
            warn(DamagedObject(f"rung {one.rung} of run {run.run_id}", str(error)), "not chosen")
            continue
        measured = evaluate(opened, record.digest, most, "odd")
        return MeasuredRef(
            checkpoint=checkpoint_reference(run, opened, record),
            train_bits_per_character=measured.train_bits_per_character,
            held_out_bits_per_character=measured.held_out_bits_per_character,
        )
    reasons = [f"cell {runs[run_id].number}: {error}" for run_id, error in failed.items()]
    why = reasons[0] if reasons else "no checkpoint is intact"
    raise TrainingStopped(f"all {len(runs)} runs of the sweep failed, {why}")
