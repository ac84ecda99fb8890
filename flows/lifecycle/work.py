"""What a request comes to: a run that goes on, a new one, or nothing, since the work is done.

docs/architecture.md says when two requests are the same work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flows.exceptions import DamagedObject, UnknownObject
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.schedule import Schedule, schedule_of
from flows.storage.checkpoints import CheckpointLog
from flows.storage.datasets import Dataset
from flows.storage.order import orders
from flows.storage.registry import Champion, Registry
from flows.storage.runs import Run, load_run
from flows.storage.stores import Store
from flows.storage.versions import Entry
from flows.text import Vocabulary
from rnncore import Hyperparameters, iterations_per_epoch


class Parent(NamedTuple):
    """The checkpoint that a run starts from."""

    version: int
    digest: str
    vocabulary: Vocabulary


class Work(NamedTuple):
    """A run, how far it is to be trained, and where it starts; or the decision that answers."""

    run: Run
    schedule: Schedule
    vocabulary: Vocabulary  # of the run
    starts_from: str  # for people
    answer: Entry | None = None  # where the run is done, and removed since


def find_work(store: Store, dataset: Dataset, request: TrainingRequest) -> Work:
    """What a request on a dataset comes to; nothing is written.

    The newest run that is the same work goes on, whoever is champion now. Raises `CorpusError` for a
    text that cannot serve, and `UnknownObject` for a checkpoint to start from that is not there.
    """
    texts, registry = request.divide(dataset), Registry(store, request.model)
    per_epoch = iterations_per_epoch(texts.training.characters, request.training.network())

    def work_of(run: Run, vocabulary: Vocabulary, start: str, answer: Entry | None = None) -> Work:
        schedule = schedule_of(request, run, len(vocabulary), per_epoch)
        return Work(run, schedule, vocabulary, start, answer)

    if not request.force:
        for run in _same_runs(store, dataset, request, registry):
            vocabulary = _vocabulary_of(store, request.model, run, dataset)
            return work_of(run, vocabulary, "the run that is in the store")
        if (answer := _answer(registry, dataset, request, per_epoch)) is not None:
            run = request.run_on(dataset, answer.version.parent)
            return work_of(run, dataset.vocabulary, f"version {answer.number}", answer)
    parent, why = _parent(registry, request)
    run = request.run_on(dataset, parent.digest if parent else None)
    vocabulary = dataset.vocabulary
    if parent:
        vocabulary = parent.vocabulary.union(vocabulary)
        request.check_vocabulary(vocabulary)
    return work_of(run, vocabulary, why)


def _same_runs(
    store: Store, dataset: Dataset, request: TrainingRequest, registry: Registry
) -> Iterator[Run]:
    """Runs of the model that are the same work, newest first."""
    numbers, decided = orders(store, request.model), registry.decided_runs()
    for run_id in sorted(numbers, key=lambda name: (numbers[name], name), reverse=True):
        try:
            run = load_run(store, request.model, run_id)
        except (DamagedObject, UnknownObject):
            continue  # it cannot be told what it trained on
        log = CheckpointLog(store, request.model, run_id)
        if log.is_being_removed() or (run_id in decided and log.is_empty()):
            continue  # the removal of the run was interrupted
        if run == request.run_on(dataset, run.parent) and _agrees(request, run.parent, registry):
            yield run


def _agrees(request: TrainingRequest, parent: str | None, registry: Registry) -> bool:
    """Whether a run with that parent is what `start_from` asks for."""
    asked = request.training.start_from
    if asked == "scratch":
        return parent is None
    if isinstance(asked, int):
        return parent == registry.version(asked).version.digest
    return True


def _answer(
    registry: Registry, dataset: Dataset, request: TrainingRequest, per_epoch: int
) -> Entry | None:
    """The decision about a run that is the same work and was removed; it holds until the champion
    changes.
    """
    history = registry.history()
    champion = next(history.champions(), None)
    for entry in history.entries:
        version = entry.version
        if version.decision == "rolled_back" or version.goal is None:
            continue
        run = request.run_on(dataset, version.parent)
        if (
            run.run_id == version.run_id
            and request.epochs(run) * per_epoch <= version.goal
            and history.champion_after(entry.number) == champion
            and _agrees(request, version.parent, registry)
        ):
            return entry
    return None


def _parent(registry: Registry, request: TrainingRequest) -> tuple[Parent | None, str]:
    """The checkpoint to start from, None for scratch; and where that is, in words."""
    asked = request.training.start_from
    if asked == "scratch":
        return None, "scratch"
    if isinstance(asked, int):
        found = registry.checkpoint(registry.version(asked))
        _check_fits(found, request)
        return _as_parent(found), f"version {asked}"
    champion = registry.champion()
    if champion is None:
        if asked == "champion":
            raise UnknownObject(
                f"model {request.model} has no champion to start from: set training.start_from to"
                " auto or scratch"
            )
        return None, "scratch, since there is no champion"
    if asked == "auto" and (difference := _difference(champion, request.training.network())):
        return None, f"scratch, since version {champion.number} has {difference}"
    _check_fits(champion, request)
    return _as_parent(champion), f"the champion, version {champion.number}"


def _as_parent(found: Champion) -> Parent:
    return Parent(found.number, found.version.digest, found.payload.vocabulary)


def _difference(found: Champion, network: Hyperparameters) -> str:
    """How the network of a version differs in shape or number type, in words; empty if not."""
    options = found.payload.state.hyperparameters
    pairs = [
        (name, getattr(options, name), getattr(network, name)) for name in ("hidden_size", "dtype")
    ]
    return ", ".join(f"{name} {then}, not {now}" for name, then, now in pairs if then != now)


def _check_fits(found: Champion, request: TrainingRequest) -> None:
    if difference := _difference(found, request.training.network()):
        raise UnknownObject(
            f"version {found.number} of model {request.model} has {difference}: ask for the same"
            " network, or set training.start_from to scratch"
        )


def _vocabulary_of(store: Store, model: str, run: Run, dataset: Dataset) -> Vocabulary:
    """The characters of a run in the store."""
    if run.parent is None:
        return dataset.vocabulary
    if newest := CheckpointLog(store, model, run.run_id).newest():
        return newest.payload.vocabulary
    parent = Registry(store, model).find_checkpoint(run.parent)
    return parent.payload.vocabulary.union(dataset.vocabulary)
