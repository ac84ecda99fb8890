"""The dry run: what a flow would do, found out without doing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.settings import get_current_settings

from flows.machine import cpu_model, library_versions
from flows.outcome import Outcome
from flows.parameters import SamplingOptions
from flows.purpose import Purpose
from flows.storage import corpus as sources
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog, newest_run
from flows.storage.datasets import Dataset
from flows.storage.files import Store, check_store, open_store
from flows.storage.local_store import LocalStore
from flows.storage.registry import Registry
from rnncore import iterations_per_epoch


class Plan(Outcome):
    """What would be done, line by line."""

    steps: dict[str, str]

    def table(self) -> dict[str, str]:
        return self.steps


def make_plan(parameters: dict[str, Any]) -> Plan:
    """What a flow with `parameters` would do; what it would refuse is refused here too."""
    store = open_store(parameters["store"])
    steps = _surroundings(store, single_writer=parameters.get("single_writer", False))
    if "corpus" in parameters:
        texts = sources.read_corpus(parameters["corpus"], parameters["encoding"])
        dataset = datasets.tokenise(texts)
        steps |= _ingest_step(store, dataset)
        if "training" in parameters:
            steps |= _training_step(store, dataset, parameters)
        if "sampling" in parameters:
            champion = _champion(store, parameters["model"]) or "no champion yet"
            steps["decision"] = f"by comparison with {champion}"
    if "sampling" in parameters:
        steps |= _report_step(store, parameters)
    return Plan(steps=steps)


def _surroundings(store: Store, *, single_writer: bool) -> dict[str, str]:
    """Versions, server and store."""
    versions = ", ".join(f"{name} {found}" for name, found in library_versions().items())
    server = get_current_settings().api.url
    if isinstance(store, LocalStore) and not Path(store.location("")).exists():
        state = "not there yet, will be made"
    else:
        check_store(store, single_writer=single_writer)
        state = "writable, and honours create-if-absent"
    return {
        "versions": versions,
        "processor": cpu_model(),
        "Prefect server": server or "none set: an embedded one, started for the run",
        "store": f"{store.url}: {state}",
    }


def _ingest_step(store: Store, dataset: Dataset) -> dict[str, str]:
    manifest = dataset.manifest
    there = datasets.exists(store, manifest.dataset_id)
    return {
        "corpus": f"{manifest.characters:,} characters, {manifest.vocabulary_size} distinct,"
        f" in {len(manifest.files)} files",
        "dataset": f"{manifest.dataset_id}: {'in the store already' if there else 'to be written'}",
    }


def _training_step(store: Store, dataset: Dataset, parameters: dict[str, Any]) -> dict[str, str]:
    model, training = parameters["model"], parameters["training"]
    sampling = parameters.get("sampling", SamplingOptions())
    purpose = Purpose(
        training=training, evaluation=parameters["evaluation"], priming=sampling.priming
    )
    texts = purpose.divide(dataset)
    run = purpose.run_on(dataset.manifest.dataset_id, parameters["seed"])
    newest = CheckpointLog(store, model, run.run_id).newest()
    stands = newest.record.iteration if newest else 0
    goal = training.epochs * iterations_per_epoch(len(texts.training), training.network())
    work = "nothing left to train" if stands >= goal else f"{goal - stands:,} iterations to train"
    return {
        "held out": f"{len(texts.held_out):,} characters",
        "run": f"{run.run_id} of model {model}: at iteration {stands:,}, {goal:,} asked for, {work}",
    }


def _report_step(store: Store, parameters: dict[str, Any]) -> dict[str, str]:
    sampling = parameters["sampling"]
    count = len(sampling.temperatures) * sampling.samples_each
    source = "the run's last checkpoint"
    if "corpus" not in parameters:
        source = _source_of_report(store, parameters["model"], parameters["run_id"])
    return {"report": f"{count:,} samples of {sampling.length:,} characters from {source}"}


def _source_of_report(store: Store, model: str, run_id: str | None) -> str:
    if run_id is None and (champion := _champion(store, model)):
        return champion
    return f"the newest checkpoint of run {run_id or newest_run(store, model)}"


def _champion(store: Store, model: str) -> str | None:
    if champion := Registry(store, model).champion([]):
        return f"the champion, version {champion.number} at iteration {champion.record.iteration:,}"
    return None
