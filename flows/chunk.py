"""One chunk of training: from a checkpoint to the next, with all that its record says."""

from __future__ import annotations

from threading import Event

from prefect import get_run_logger

from flows import console
from flows.exceptions import TrainingStopped
from flows.machine import cpu_model, library_versions
from flows.references import RunRef
from flows.samples import draw_snapshot
from flows.storage.checkpoints import Checkpoint, CheckpointRecord
from flows.storage.open_run import OpenRun
from flows.training import OnSlice, Stretch, train_until
from rnncore import TrainingDiverged, TrainingState, bits_per_character

curve_characters = 10_000  # of the held-out text, read at each checkpoint for the loss curve


def advance(
    opened: OpenRun, reference: RunRef, newest: Checkpoint, goal: int, stop: Event
) -> CheckpointRecord:
    """Train from `newest` to iteration `goal`, or to where `stop` finds it, and commit that."""
    state = newest.payload.state
    try:
        stretch = train_until(state, opened.split.training, goal, _progress(opened), stop)
    except TrainingDiverged as error:
        kept = newest.record.iteration
        message = f"{error}; the last good checkpoint, of iteration {kept}, is kept"
        raise TrainingStopped(message) from error
    planned = state.iteration == goal
    record = _commit(opened, reference, state, stretch, after=newest.after, planned=planned)
    _announce(opened, record, stretch)
    if stop.is_set():
        get_run_logger().warning(
            "stopped at iteration %d, checkpoint written: run again to go on", record.iteration
        )
    return record


def commit_initial(opened: OpenRun, reference: RunRef) -> CheckpointRecord:
    """Commit the state before the first step."""
    state = TrainingState.initial(
        len(opened.vocabulary), opened.run.network(), seed=opened.run.seed
    )
    return _commit(opened, reference, state, None, after=opened.log.head())


def _commit(
    opened: OpenRun,
    reference: RunRef,
    state: TrainingState,
    stretch: Stretch | None,
    *,
    after: int,
    planned: bool = True,
) -> CheckpointRecord:
    """Commit `state` with what the curve and the reports need to know of it.

    Snapshot and held-out text belong to the checkpoints that `checkpoint_every` plans; one that a
    signal brought about has neither, so reports do not depend on when a run was stopped.
    """
    held_out = opened.split.held_out[:curve_characters]
    facts = {
        "loss": stretch.loss if stretch else None,
        "smooth_loss": state.smooth_loss / state.hyperparameters.seq_length,
        "characters_per_second": stretch.characters_per_second if stretch else None,
        "held_out_bits_per_character": (
            bits_per_character(state.parameters, held_out) if planned and len(held_out) else None
        ),
        "snapshot": (
            draw_snapshot(state, opened.split.training, opened.vocabulary, opened.run.seed)
            if planned
            else None
        ),
        "corpus": reference.corpus,
        "cpu": cpu_model(),
        "versions": library_versions(),
    }
    record = opened.log.commit(state, opened.vocabulary, facts, after=after)
    if (live := console.live_training()) and record.snapshot:
        live.show(record.iteration, record.snapshot)
    return record


def _announce(opened: OpenRun, record: CheckpointRecord, stretch: Stretch) -> None:
    """One line a chunk, for logs."""
    held_out, speed = record.held_out_bits_per_character, stretch.characters_per_second
    get_run_logger().info(
        "iteration %d, epoch %.1f: loss %.3f nats/char, held out %s bits/char, %s chars/s",
        record.iteration,
        record.iteration / opened.iterations_per_epoch,
        stretch.loss,
        "-" if held_out is None else f"{held_out:.3f}",
        "-" if speed is None else f"{speed:,.0f}",
    )


def _progress(opened: OpenRun) -> OnSlice:
    """Moves the live line, where a terminal shows one."""
    live = console.live_training()

    def on_slice(state: TrainingState, characters_per_second: float) -> None:
        if live:
            epoch = state.iteration / opened.iterations_per_epoch
            live.update(state, epoch, characters_per_second)

    return on_slice
