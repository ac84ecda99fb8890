"""Models with a history of decisions, each about a checkpoint of a small run of its own."""

from __future__ import annotations

from collections.abc import Callable

from flows.storage.checkpoints import CheckpointLog
from flows.storage.registry import Registry
from flows.storage.runs import make_run, save_run
from flows.storage.stores import Store
from flows.storage.versions import History, Version
from rnncore import Hyperparameters
from tests.support.states import facts, make_state, stored, text, vocabulary

corpus = f"{text}gab\n"  # with every character of the checkpoints
network = Hyperparameters(hidden_size=6, seq_length=4, dtype="float64")


def _draft(version: Version) -> Callable[[History, int], Version]:
    return lambda _history, _number: version


def decided(store: Store, decisions: str, model: str = "m", **fields: object) -> Registry:
    """A model whose new versions are promoted (p) or rejected (r); each starts from the champion."""
    registry, dataset_id = Registry(store, model), stored(store, corpus).manifest.dataset_id
    for letter in decisions:
        champion, number = registry.champion(), len(registry.history().entries)
        parent = champion.version.digest if champion else None
        decay = None if parent is None else 1.0
        run = make_run(
            dataset_id,
            held_out=0.1,
            split="content",
            seed=number,
            network=network,
            parent=parent,
            adagrad_decay=decay,
        )
        save_run(store, model, run)
        log, state = CheckpointLog(store, model, run.run_id), make_state(iterations=number + 1)
        record = log.commit(state, vocabulary, facts, after=log.head())
        version = Version(
            decision="promoted" if letter == "p" else "rejected",
            reason="for the test",
            run_id=run.run_id,
            iteration=record.iteration,
            digest=record.digest,
            bits_per_character=4.0 - number / 10,
            champion=champion.number if champion else None,
            champion_bits_per_character=None,
            dataset_id=dataset_id,
            corpus=("corpus.txt",),
            parent=parent,
            characters=len(corpus),
            vocabulary_size=len(vocabulary),
        ).model_copy(update=fields)
        registry.append(_draft(version))
    return registry
