"""The state before a run's first iteration: from scratch, or from a checkpoint of before."""

from __future__ import annotations

from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Registry
from flows.storage.runs import Run
from rnncore import TrainingState, begin_rounds, warm_start


def initial_payload(opened: OpenRun) -> Payload:
    """The state that a run starts with, and its vocabulary.

    From a checkpoint, the vocabulary is that of the checkpoint and of the text together.
    """
    run, characters = opened.run, opened.dataset.vocabulary
    options = run.network()
    if run.parent is None:
        state = TrainingState.initial(len(characters), options, seed=run.seed)
        return Payload(_in_shards(run, state), characters)
    parent = Registry(opened.store, opened.model).find_checkpoint(run.parent).payload
    vocabulary = parent.vocabulary.union(characters)
    state = warm_start(
        parent.state,
        vocabulary.places_of(parent.vocabulary),
        vocabulary.code_points,
        options,
        seed=run.seed,
        decay=1.0 if run.adagrad_decay is None else run.adagrad_decay,
    )
    return Payload(_in_shards(run, state), vocabulary)


def _in_shards(run: Run, state: TrainingState) -> TrainingState:
    return begin_rounds(state, run.shards) if run.shards else state
