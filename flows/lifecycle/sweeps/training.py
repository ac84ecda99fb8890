"""A cell of a sweep, trained to the end of a rung and measured there."""

from __future__ import annotations

from threading import Event

from flows.exceptions import DamagedObject, RunCancelled, UnknownObject
from flows.lifecycle.chunk import Watcher, advance_on_schedule
from flows.lifecycle.evaluation import evaluate, is_exhausted, measure, text_to_read
from flows.lifecycle.machine import arithmetic_of
from flows.lifecycle.preparation import prepare
from flows.lifecycle.schedule import Schedule
from flows.lifecycle.slices import train_until
from flows.lifecycle.start import initial_payload
from flows.storage.canonical import digest
from flows.storage.checkpoints import CheckpointRecord, EvaluationRecord
from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload, write_payload


def train_to(
    opened: OpenRun,
    schedule: Schedule,
    goal: int,
    corpus: tuple[str, ...],
    most: int,
    watcher: Watcher,
) -> int:
    """Train a run to iteration `goal` with checkpoints as ever; how many iterations that took.

    A run that is there already is not trained. Raises `RunCancelled` where it was stopped before.
    """
    schedule = schedule._replace(goal=goal)
    record = prepare(opened, opened.run, corpus, schedule).record
    first = record.iteration
    while record.iteration < goal and not is_exhausted(opened, schedule, opened.run.patience):
        if watcher.stop.is_set():
            raise RunCancelled(
                f"stopped at iteration {record.iteration}, checkpoint written: run again to go on"
            )
        if (newest := opened.log.newest()) is None:
            raise DamagedObject(f"run {opened.run_id} of model {opened.model}", "has no checkpoint")
        end = schedule.chunk_end(newest.record.iteration)
        record = advance_on_schedule(opened, newest, schedule, end, corpus, most, watcher)
    return max(0, record.iteration - first)


def selecting_evaluation(opened: OpenRun, goal: int, most: int, stop: Event) -> EvaluationRecord:
    """How well a run predicts the held-out blocks of even digest at iteration `goal`, or where its
    patience ended it before; done once.

    A run that was trained further before, and kept no checkpoint there, is trained again up to there in
    memory: nothing but the evaluation is stored.
    """
    records = {record.iteration: record for record in opened.log.records()}
    iteration = min(goal, max(records))
    text = text_to_read(opened, "", most, "even")
    wanted = iteration, text.rule, text.characters
    for known in opened.log.evaluations():
        if (known.iteration, known.rule, known.characters) == wanted:
            return known
    if (record := records.get(iteration)) and _payload_of(opened, record):
        return evaluate(opened, record.digest, most, "even")
    payload = _replayed(opened, records, iteration, stop)
    name = digest(write_payload(*payload))
    return opened.log.add_evaluation(measure(opened, name, payload, text))


def _replayed(
    opened: OpenRun, records: dict[int, CheckpointRecord], iteration: int, stop: Event
) -> Payload:
    """The state of a run at an iteration, trained from the newest checkpoint before it."""
    earlier = sorted((at for at in records if at < iteration), reverse=True)
    found = (payload for at in earlier if (payload := _payload_of(opened, records[at])))
    payload = next(found, None) or initial_payload(opened)
    if opened.run.rounds:  # whose ends would be stored
        raise UnknownObject(
            f"run {opened.run_id} of model {opened.model} was trained further than iteration {iteration}"
            " and has no checkpoint there to compare: give another model name, or other rungs"
        )
    options = payload.state.hyperparameters
    arithmetic = arithmetic_of(records[max(records)], options)
    training = opened.split_for(payload.vocabulary).training
    train_until(payload.state, training, iteration, lambda *_: None, stop, arithmetic)
    if payload.state.iteration < iteration:
        raise RunCancelled("stopped while a checkpoint was made again: run again to go on")
    return payload


def _payload_of(opened: OpenRun, record: CheckpointRecord) -> Payload | None:
    """The training state of a checkpoint, None where it is gone or corrupt."""
    try:
        return opened.log.read(record)
    except (DamagedObject, UnknownObject):
        return None
