"""What the card of an export says of a version: all of it from records that never change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from flows.exceptions import DamagedObject, UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, EvaluationRecord
from flows.storage.manifests import DatasetManifest, load_manifest
from flows.storage.payload import Payload
from flows.storage.profiles import entropies_of
from flows.storage.registry import Registry
from flows.storage.runs import Run, load_run
from flows.storage.versions import Entry
from rnncore import sample_batch

sampled_temperatures = (0.5, 0.8, 1.0)
sample_length = 300  # characters
seed = 0


class Sampled(NamedTuple):
    """A text that the network wrote."""

    temperature: float
    text: str


class Facts(NamedTuple):
    """A version with its checkpoint read back, and what the store says of it."""

    model: str
    entry: Entry
    record: CheckpointRecord
    payload: Payload
    run: Run
    evaluation: EvaluationRecord | None
    manifest: DatasetManifest | None
    entropies: Mapping[int, float]  # of its text, by order; none if not measured

    @property
    def metadata(self) -> dict[str, str]:
        """What the weights' own file says of them."""
        return {
            "model": self.model,
            "version": str(self.entry.number),
            "run_id": self.entry.version.run_id,
            "checkpoint_digest": self.entry.version.digest,
            "unit": self.payload.vocabulary.unit,
        }


def facts_of(registry: Registry, number: int | None) -> Facts:
    """A version, by default the champion, whose checkpoint must be intact.

    `UnknownObject` says why there is none, such as that retention removed it.
    """
    store, model = registry.store, registry.model
    history = registry.history()
    registry.refuse_empty(history)
    if number is None:
        champion = registry.champion()
        if champion is None:
            raise UnknownObject(f"model {model} has no intact champion: name a version")
    else:
        champion = registry.intact(history.entry(number, model))
    version = champion.version
    run = load_run(store, model, version.run_id)
    log, measured = CheckpointLog(store, model, version.run_id), (version.digest, version.rule)
    return Facts(
        model=model,
        entry=history.entry(champion.number, model),
        record=champion.record,
        payload=champion.payload,
        run=run,
        evaluation=next((e for e in log.evaluations() if (e.digest, e.rule) == measured), None),
        manifest=_manifest(registry, run.dataset_id),
        entropies=entropies_of(store, run.dataset_id),
    )


def samples_of(payload: Payload) -> list[Sampled]:
    """A sample at each temperature, which follows a line end, or else the first character."""
    parameters, vocabulary = payload.state.parameters, payload.vocabulary
    first = max(0, vocabulary.characters.find("\n"))
    streams = len(sampled_temperatures)
    drawn = sample_batch(
        parameters,
        np.zeros((streams, parameters.hidden_size)),
        np.full(streams, first),
        sample_length,
        rngs=[np.random.default_rng([seed, number]) for number in range(streams)],
        temperature=np.array(sampled_temperatures),
    )
    texts = map(vocabulary.decode, drawn)
    return [Sampled(*each) for each in zip(sampled_temperatures, texts, strict=True)]


def _manifest(registry: Registry, dataset_id: str) -> DatasetManifest | None:
    """What the dataset is made of; None where it is gone or corrupt."""
    try:
        return load_manifest(registry.store, dataset_id)
    except (UnknownObject, DamagedObject):
        return None
