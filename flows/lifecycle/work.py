"""What a request comes to: a run that goes on, a new one, or nothing, since the work is done.

docs/architecture.md says when two requests are the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from flows.exceptions import CorpusError, DamagedObject, UnknownObject
from flows.lifecycle.evaluation import is_exhausted
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.schedule import Schedule, goal_of, schedule_of
from flows.storage.checkpoints import CheckpointLog
from flows.storage.damage import warn
from flows.storage.datasets import ScannedText
from flows.storage.open_run import OpenRun
from flows.storage.order import orders, unknown
from flows.storage.registry import Champion, Registry
from flows.storage.runs import Run, is_there, load_run, runs_of
from flows.storage.stores import Store
from flows.storage.versions import Entry
from flows.text import Unit, Vocabulary
from rnncore import Hyperparameters, iterations_per_epoch

RunFrom = Callable[[str | None], Run]  # the run that a request makes from a checkpoint, or none


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
    is_done: bool = False  # trained and decided
    answer: Entry | None = None  # where the run is done, and removed since


def find_work(store: Store, dataset: ScannedText, request: TrainingRequest) -> Work:
    """What a request on a dataset comes to; nothing is written.

    The newest run that is the same work goes on, whoever is champion now. Raises `CorpusError` for a
    text that cannot serve, and `UnknownObject` for a checkpoint to start from that is not there.
    """
    characters = request.divide(dataset).training.characters
    per_epoch = iterations_per_epoch(
        characters, request.training.network(), request.training.shards
    )
    registry = Registry(store, request.model)
    run_from = partial(request.run_on, dataset.dataset_id, characters)

    def work_of(run: Run, vocabulary: Vocabulary, start: str) -> Work:
        schedule = schedule_of(request, run, len(vocabulary), per_epoch)
        is_done = _is_done(store, request.model, run, schedule, registry)
        return Work(run, schedule, vocabulary, start, is_done)

    if not request.force:
        same = _same_runs(store, request, run_from, registry)
        if found := _first_to_go_on(store, request.model, same, dataset):
            run, vocabulary = found
            request.check_priming(vocabulary)
            return work_of(run, vocabulary, _start_of(run, registry))
        if answer := _answer(store, registry, run_from, request, per_epoch):
            run = run_from(answer.version.parent)
            work = work_of(run, dataset.vocabulary, f"version {answer.number}")
            return work._replace(is_done=True, answer=answer)
    parent, why = _parent(registry, request, dataset.vocabulary.unit)
    vocabulary = dataset.vocabulary
    if parent:
        vocabulary = parent.vocabulary.union(vocabulary)
        request.check_vocabulary(vocabulary)
    request.check_priming(vocabulary)
    return work_of(run_from(parent.digest if parent else None), vocabulary, why)


def _is_done(store: Store, model: str, run: Run, schedule: Schedule, registry: Registry) -> bool:
    """Whether a run is trained as far as is asked for, and was decided about."""
    log = CheckpointLog(store, model, run.run_id)
    if log.is_removed() or not (records := log.records()):
        return False
    trained = records[-1].iteration >= schedule.goal or is_exhausted(
        OpenRun(store, model, run.run_id), schedule, run.patience
    )
    decided = (entry.version.run_id for entry in registry.history().entries)
    return trained and run.run_id in decided


def _same_runs(
    store: Store, request: TrainingRequest, run_from: RunFrom, registry: Registry
) -> Iterator[Run]:
    """Runs of the model that are the same work, newest first."""
    numbers, decided = orders(store, request.model), registry.decided_runs()
    digests = {entry.version.digest for entry in registry.history().entries}
    expected = {run.run_id: run for run in map(run_from, (None, *digests))}
    there = runs_of(store, request.model)  # of those that were decided most are gone
    for run_id in sorted(there, key=lambda name: (numbers.get(name, unknown), name), reverse=True):
        try:
            run = load_run(store, request.model, run_id)
        except UnknownObject:  # its description is lost; where its records are not, it goes on
            if run_id not in expected or not CheckpointLog(store, request.model, run_id).records():
                continue
            run = expected[run_id]
        except DamagedObject:
            if run_id in expected:
                raise
            continue  # it is other work, or it cannot be told
        if run_id in decided and CheckpointLog(store, request.model, run_id).is_removed():
            continue  # all but its description, or that was begun
        if run == run_from(run.parent) and _agrees(request, run.parent, registry):
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
    store: Store,
    registry: Registry,
    run_from: RunFrom,
    request: TrainingRequest,
    per_epoch: int,
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
        run = run_from(version.parent)
        if (
            run.run_id == version.run_id
            and goal_of(request, run, per_epoch) <= version.goal
            and history.champion_after(entry.number) == champion
            and _agrees(request, version.parent, registry)
            and _was_removed(store, request.model, run.run_id)
        ):
            return entry
    return None


def _was_removed(store: Store, model: str, run_id: str) -> bool:
    """Whether a run that was decided about is not in the store, or being removed from it."""
    log = CheckpointLog(store, model, run_id)
    return log.is_removed() or not (is_there(store, model, run_id) or log.records())


def _parent(registry: Registry, request: TrainingRequest, unit: Unit) -> tuple[Parent | None, str]:
    """The checkpoint to start from, None for scratch; and where that is, in words."""
    asked = request.training.start_from
    champion = registry.champion()
    if champion and champion.payload.vocabulary.unit != unit:
        raise CorpusError(
            f"the unit of model {request.model} is the {champion.payload.vocabulary.unit}, that of"
            f" the text the {unit}, and the two cannot be compared: set reading.unit, or give"
            " another model name"
        )
    if asked == "scratch":
        return None, "scratch"
    if isinstance(asked, int):
        found = registry.checkpoint(registry.version(asked))
        _check_fits(found, request)
        return _as_parent(found), f"version {asked}"
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


def _start_of(run: Run, registry: Registry) -> str:
    """What a run in the store started from, in words."""
    if run.parent is None:
        return "scratch"
    entries = registry.history().entries
    numbers = [entry.number for entry in entries if entry.version.digest == run.parent]
    return f"version {numbers[-1]}" if numbers else f"checkpoint {run.parent[:16]}"


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


def _first_to_go_on(
    store: Store, model: str, runs: Iterator[Run], dataset: ScannedText
) -> tuple[Run, Vocabulary] | None:
    """The first run, with its characters, that has a checkpoint or whose parent is there."""
    for run in runs:
        try:
            return run, _vocabulary_of(store, model, run, dataset)
        except (DamagedObject, UnknownObject) as error:
            warn(DamagedObject(f"run {run.run_id} of model {model}", str(error)), "not taken up")
    return None


def _vocabulary_of(store: Store, model: str, run: Run, dataset: ScannedText) -> Vocabulary:
    """The characters of a run in the store."""
    if run.parent is None:
        return dataset.vocabulary
    if newest := CheckpointLog(store, model, run.run_id).newest():
        return newest.payload.vocabulary
    parent = Registry(store, model).find_checkpoint(run.parent)
    return parent.payload.vocabulary.union(dataset.vocabulary)
