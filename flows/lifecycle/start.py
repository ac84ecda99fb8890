"""The state before a run's first iteration: from scratch, or from a checkpoint of before."""

from __future__ import annotations

from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Registry
from rnncore import TrainingState, warm_start


def initial_payload(opened: OpenRun) -> Payload:
    """The state that a run starts with, and its vocabulary.

    From a checkpoint, the vocabulary is that of the checkpoint and of the text together.
    """
    run, characters = opened.run, opened.dataset.vocabulary
    options = run.network()
    if run.parent is None:
        return Payload(TrainingState.initial(len(characters), options, seed=run.seed), characters)
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
    return Payload(state, vocabulary)
