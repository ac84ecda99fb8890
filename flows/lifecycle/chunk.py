"""One chunk of training: from one checkpoint to the next, with everything that its record holds."""

from __future__ import annotations

from threading import Event
from typing import NamedTuple

from flows.exceptions import TrainingStopped
from flows.lifecycle.evaluation import by_blocks, held_out_bits
from flows.lifecycle.machine import arithmetic_of, cpu_model, library_versions
from flows.lifecycle.slices import ChunkStatistics, OnSlice, train_until
from flows.reporting.samples import draw_snapshot
from flows.storage.checkpoints import Checkpoint, CheckpointRecord
from flows.storage.open_run import OpenRun
from flows.storage.order import next_order
from rnncore import Arithmetic, TrainingDiverged, TrainingState

curve_characters = 10_000  # of the held-out text, read at each checkpoint for the loss curve


class Kept(NamedTuple):
    """What a run keeps from its first record to its last."""

    rule: str | None  # by which its loss curve is read
    arithmetic: Arithmetic


def advance(
    opened: OpenRun,
    newest: Checkpoint,
    goal: int,
    corpus: tuple[str, ...],
    on_slice: OnSlice,
    stop: Event,
) -> CheckpointRecord:
    """Train from `newest` to iteration `goal`, or until `stop` is set, and commit that.

    `corpus` are URLs for the record. Raises `TrainingStopped` when training diverges.
    """
    state = newest.payload.state
    arithmetic = arithmetic_of(newest.record, state.hyperparameters)
    try:
        trained = train_until(state, opened.split.training, goal, on_slice, stop, arithmetic)
    except TrainingDiverged as error:
        good = newest.record.iteration
        message = f"{error}; the last good checkpoint, of iteration {good}, is kept"
        raise TrainingStopped(message) from error
    kept, planned = Kept(newest.record.rule, arithmetic), state.iteration == goal
    return _commit(opened, state, trained, corpus, kept, after=newest.after, planned=planned)


def commit_initial(opened: OpenRun, corpus: tuple[str, ...]) -> CheckpointRecord:
    """Commit the state before the first iteration; a run that lost its payloads keeps the rest."""
    run, records = opened.run, opened.log.records()
    options = run.network()
    kept = Kept(by_blocks, Arithmetic.fastest(options))
    if records:
        kept = Kept(records[-1].rule, arithmetic_of(records[-1], options))
    state = TrainingState.initial(len(opened.vocabulary), options, seed=run.seed)
    nothing = ChunkStatistics(loss=None, characters_per_second=None)
    order = None if records else next_order(opened.store, opened.model)
    after = opened.log.head()
    return _commit(opened, state, nothing, corpus, kept, after=after, planned=True, order=order)


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
    state: TrainingState,
    trained: ChunkStatistics,
    corpus: tuple[str, ...],
    kept: Kept,
    *,
    after: int,
    planned: bool,
    order: int | None = None,
) -> CheckpointRecord:
    """Commit `state` with what the loss curve and the reports need to know of it.

    An unplanned one has no snapshot: reports must not depend on when a signal stopped a run.
    """
    training, held_out, block_ends = opened.split
    snapshot = measured = None
    if planned:
        snapshot = draw_snapshot(state, training, opened.vocabulary, opened.run.seed)
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
        "versions": library_versions(),
    }
    return opened.log.commit(state, opened.vocabulary, facts, after=after)
