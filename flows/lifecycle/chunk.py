"""One chunk of training: from one checkpoint to the next, with everything that its record holds."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import Executor
from threading import Event
from typing import NamedTuple

from flows.exceptions import TrainingStopped
from flows.lifecycle.evaluation import (
    by_blocks,
    evaluate,
    evaluate_all,
    held_out_bits,
    is_exhausted,
)
from flows.lifecycle.machine import arithmetic_of, code_commit, cpu_model, library_versions
from flows.lifecycle.rounds import RoundTrainer
from flows.lifecycle.schedule import Schedule
from flows.lifecycle.slices import ChunkStatistics, OnSlice, train_until
from flows.lifecycle.start import initial_payload
from flows.reporting.snapshots import draw_snapshot
from flows.storage.checkpoints import Checkpoint, CheckpointRecord
from flows.storage.open_run import OpenRun
from flows.storage.order import next_order
from flows.storage.payload import Payload
from rnncore import Arithmetic, TrainingDiverged, TrainingState

logger = logging.getLogger(__name__)
curve_characters = 10_000  # of the held-out text, read at each checkpoint for the loss curve


class Kept(NamedTuple):
    """What a run keeps from its first record to its last."""

    rule: str | None  # by which its loss curve is read
    arithmetic: Arithmetic


class Watcher(NamedTuple):
    """What is told of a training while it goes on, what stops it, and what its shards run on."""

    on_slice: OnSlice
    on_checkpoint: Callable[[CheckpointRecord], None]
    stop: Event
    executor: Executor | None = None


def advance_on_schedule(
    opened: OpenRun,
    newest: Checkpoint,
    schedule: Schedule,
    goal: int,
    corpus: tuple[str, ...],
    most: int,
    watcher: Watcher,
) -> CheckpointRecord:
    """As `advance`, with more checkpoints: wherever the schedule has an evaluation.

    It is made there, on at most `most` characters of held-out text. Returns the last checkpoint.
    """
    record = newest.record
    evaluate_all(
        opened, set(schedule.evaluations(record.iteration)), most
    )  # where a kill left it out
    if is_exhausted(opened, schedule, opened.run.patience):
        return record
    evaluated = {at for at in schedule.evaluations(goal) if at > record.iteration}
    for step in sorted({*evaluated, goal}):
        record = advance(
            opened, newest, step, corpus, watcher.on_slice, watcher.stop, watcher.executor
        )
        if record.iteration > newest.record.iteration:  # else a round was given up
            watcher.on_checkpoint(record)
        if record.iteration < step:
            break
        if step in evaluated:
            evaluate(opened, record.digest, most)
        if step == goal or is_exhausted(opened, schedule, opened.run.patience):
            break
        newest = opened.log.newest() or newest
    return record


def advance(
    opened: OpenRun,
    newest: Checkpoint,
    goal: int,
    corpus: tuple[str, ...],
    on_slice: OnSlice,
    stop: Event,
    executor: Executor | None = None,
) -> CheckpointRecord:
    """Train from `newest` to iteration `goal`, or until `stop` is set, and commit that.

    `corpus` are URLs for the record; `executor` runs the shards of a round, one after the other if
    it is None. Where no round was completed there is nothing to commit. Raises `TrainingStopped`
    when training diverges.
    """
    state, vocabulary = newest.payload
    arithmetic, options = arithmetic_of(newest.record, state.hyperparameters), opened.run.rounds
    training = opened.split_for(vocabulary).training
    try:
        if options:
            shards = RoundTrainer(opened, vocabulary, options, arithmetic, executor)
            state, trained = _train_rounds(opened, newest, goal, shards, on_slice, stop)
        else:
            trained = train_until(state, training, goal, on_slice, stop, arithmetic)
        check_loss(state)
    except TrainingDiverged as error:
        good = newest.record.iteration
        message = f"{error}; the last good checkpoint, of iteration {good}, is kept"
        raise TrainingStopped(message) from error
    if options and state.iteration == newest.record.iteration:
        return newest.record
    kept, planned = Kept(newest.record.rule, arithmetic), state.iteration == goal
    payload = newest.payload._replace(state=state)
    return _commit(opened, payload, trained, corpus, kept, after=newest.after, planned=planned)


def _train_rounds(
    opened: OpenRun,
    newest: Checkpoint,
    goal: int,
    shards: RoundTrainer,
    on_slice: OnSlice,
    stop: Event,
) -> tuple[TrainingState, ChunkStatistics]:
    """The state after the last round up to `goal`, from the newest end of a round that was kept."""
    state, first = newest.payload.state, newest.record.iteration
    if kept := opened.kept_rounds.newest(after=first, until=goal):
        state = kept.state
        logger.info(
            "going on from the end of a round, iteration %d, that was kept", state.iteration
        )
    shards.train_until(state, goal, on_slice, stop)
    loss = None
    if state.rounds and state.iteration > first:
        loss = state.rounds.loss / ((state.iteration - first) * state.hyperparameters.seq_length)
        state.rounds.loss = 0.0
    speed = shards.characters_per_second(state) or None
    return state, ChunkStatistics(loss, speed, shards.other_cpus())


def check_loss(state: TrainingState) -> None:
    """Refuse a state whose loss has exploded, though it is a number still: twice a uniform guess."""
    options = state.hyperparameters
    most = 2 * math.log(state.parameters.vocabulary_size) * options.seq_length
    if state.smooth_loss > most:
        what = f"the smooth loss, at most {most:.1f} (twice that of a uniform guess) expected,"
        raise TrainingDiverged(
            state.iteration, round(state.smooth_loss, 1), options.learning_rate, what=what
        )


def commit_initial(opened: OpenRun, corpus: tuple[str, ...]) -> CheckpointRecord:
    """Commit the state before the first iteration; a run that lost its payloads keeps the rest."""
    run, records = opened.run, opened.log.records()
    options = run.network()
    kept = Kept(by_blocks, Arithmetic.fastest(options))
    if records:
        kept = Kept(records[-1].rule, arithmetic_of(records[-1], options))
    nothing = ChunkStatistics(loss=None, characters_per_second=None)
    order = None if records else next_order(opened.store, opened.model)
    start, after = initial_payload(opened), opened.log.head()
    return _commit(opened, start, nothing, corpus, kept, after=after, planned=True, order=order)


def describe(record: CheckpointRecord, iterations_per_epoch: int) -> str:
    """One line about a checkpoint, for logs."""
    held_out, speed = record.held_out_bits_per_character, record.characters_per_second
    return (
        f"iteration {record.iteration}, epoch {record.iteration / iterations_per_epoch:.1f}:"
        f" loss {'-' if record.loss is None else f'{record.loss:.3f}'} nats/char,"
        f" held out {'-' if held_out is None else f'{held_out:.3f}'} bits/char,"
        f" {'-' if speed is None else f'{speed:,.0f}'} chars/s"
    )


def _commit(
    opened: OpenRun,
    payload: Payload,
    trained: ChunkStatistics,
    corpus: tuple[str, ...],
    kept: Kept,
    *,
    after: int,
    planned: bool,
    order: int | None = None,
) -> CheckpointRecord:
    """Commit `payload` with what the loss curve and the reports need to know of it.

    An unplanned one has no snapshot: reports must not depend on when a signal stopped a run.
    """
    state, vocabulary = payload
    training, held_out, block_ends = opened.split_for(vocabulary)
    snapshot = measured = None
    if planned:
        snapshot = draw_snapshot(state, training, vocabulary, opened.run.seed)
        beginning = held_out[:curve_characters]
        measured = held_out_bits(state.parameters, beginning, block_ends, kept.rule)
    facts = {
        "loss": trained.loss,
        "smooth_loss": state.smooth_loss / state.hyperparameters.seq_length,
        "characters_per_second": trained.characters_per_second,
        "held_out_bits_per_character": measured,
        "rule": kept.rule,
        "arithmetic": kept.arithmetic,
        "snapshot": snapshot,
        "corpus": corpus,
        "order": order,
        "cpu": cpu_model(),
        "shard_cpus": trained.shard_cpus,
        "versions": library_versions(),
        "commit": code_commit(),
    }
    record = opened.log.commit(state, vocabulary, facts, after=after)
    if state.rounds:
        opened.kept_rounds.remove(until=record.iteration)
    return record
