"""Lineage: from a report to checkpoint, run, parent, dataset and corpus, and back.

Where a run or a dataset was removed, the records of versions answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict

from flows.exceptions import DamagedObject, UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.datasets import DatasetManifest, load_manifest
from flows.storage.registry import Registry
from flows.storage.runs import Run, is_run_id, load_run
from flows.storage.stores import Store
from flows.storage.versions import Entry

P = ParamSpec("P")
Found = TypeVar("Found")


class Subject(BaseModel):
    """What is asked about: one of these, or none for the champion."""

    model_config = ConfigDict(frozen=True)

    version: int | None = None
    report: str | None = None
    run_id: str | None = None
    checkpoint: str | None = None  # digest of the payload
    dataset: str | None = None


class File(BaseModel):
    """A file of a corpus, as its dataset has it."""

    model_config = ConfigDict(frozen=True)

    characters: int
    sha256: str  # of the text in UTF-8


class Origin(BaseModel):
    """A link of the chain: a checkpoint, the run that made it, and the text that that read."""

    model_config = ConfigDict(frozen=True)

    checkpoint: str  # digest of the payload
    checkpoint_url: str | None  # None where it was removed
    iteration: int | None
    versions: tuple[int, ...]  # of the model that have this checkpoint
    run_id: str
    run: dict[str, Any] | None  # its description; None where it was removed
    parent: str | None  # digest of the checkpoint that the run started from
    dataset_id: str | None
    characters: int | None
    files: tuple[File, ...]  # none where the dataset was removed
    corpus: tuple[str, ...]  # URLs, without secrets
    cpu: str | None
    libraries: dict[str, str]  # name to version
    commit: str | None  # of the program's code


class Descent(BaseModel):
    """What comes from the subject, at first hand or later."""

    model_config = ConfigDict(frozen=True)

    versions: tuple[int, ...]
    runs: tuple[str, ...]
    reports: tuple[str, ...]


class Lineage(BaseModel):
    """Where a checkpoint or a report comes from, its own link first; and what comes from it."""

    model_config = ConfigDict(frozen=True)

    model: str
    report_id: str | None  # where one was asked about
    dataset_id: str | None  # as above; then there is no chain
    chain: tuple[Origin, ...]
    descent: Descent


class _Made(NamedTuple):
    """A checkpoint and the run that made it."""

    digest: str
    run_id: str


def lineage(store: Store, model: str, subject: Subject) -> Lineage:
    """The chain of a version, a report, a run or a checkpoint, and what comes from it or a dataset."""
    family = _Family(store, model)
    if subject.dataset:
        first = family.trained_on(subject.dataset)
        return Lineage(
            model=model,
            report_id=None,
            dataset_id=subject.dataset,
            chain=(),
            descent=family.descent(first, set()),
        )
    made = family.find(subject)
    children = {run_id for run_id, parent in family.parents.items() if parent == made.digest}
    return Lineage(
        model=model,
        report_id=subject.report,
        dataset_id=None,
        chain=tuple(family.chain(made)),
        descent=family.descent(children, {made.digest}),
    )


class _Family:
    """A model's runs and versions, and what follows from them."""

    def __init__(self, store: Store, model: str) -> None:
        self._store = store
        self._model = model
        self._registry = Registry(store, model)
        self._history = self._registry.history()
        self._entries = [e for e in self._history.entries if e.version.decision != "rolled_back"]

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The runs that are in the store."""
        names = filter(is_run_id, self._store.names(f"models/{self._model}/runs"))
        found = {name: _if_there(load_run, self._store, self._model, name) for name in names}
        return {name: run for name, run in found.items() if run}

    @cached_property
    def parents(self) -> dict[str, str | None]:
        """The checkpoint that each run started from, also of runs that only versions name."""
        named = {entry.version.run_id: entry.version.parent for entry in self._entries}
        return named | {name: run.parent for name, run in self.runs.items()}

    def trained_on(self, dataset_id: str) -> set[str]:
        """The runs that read a dataset; `UnknownObject` where nothing knows it."""
        found = {e.version.run_id for e in self._entries if e.version.dataset_id == dataset_id}
        found |= {name for name, run in self.runs.items() if run.dataset_id == dataset_id}
        if not found:
            load_manifest(self._store, dataset_id)
        return found

    def find(self, subject: Subject) -> _Made:
        """The checkpoint that is asked about."""
        if subject.report:
            from flows.storage import reports  # pyarrow is slow to import

            return _Made(*reports.checkpoint_of(self._store, self._model, subject.report)[::-1])
        if subject.run_id:
            return self._of_run(subject.run_id)
        if subject.checkpoint:
            return self._of_digest(subject.checkpoint)
        self._registry.refuse_empty(self._history)
        number = subject.version
        if number is None and (number := next(self._history.champions(), None)) is None:
            raise UnknownObject(f"model {self._model} has no champion: name a version")
        version = self._history.entry(number, self._model).version
        return _Made(version.digest, version.run_id)

    def _of_run(self, run_id: str) -> _Made:
        """The checkpoint of a run that was decided about last, or else its newest."""
        decided = (e.version.digest for e in self._entries if e.version.run_id == run_id)
        records = reversed(self._log(run_id).records())
        digest = next(decided, None) or next((record.digest for record in records), None)
        if digest is None:
            raise UnknownObject(
                f"model {self._model} has no run {run_id} with a checkpoint in {self._store.url}"
            )
        return _Made(digest, run_id)

    def _of_digest(self, digest: str) -> _Made:
        for entry in self._entries:
            if entry.version.digest == digest:
                return _Made(digest, entry.version.run_id)
        for run_id in self.runs:
            if _if_there(self._log(run_id).record, digest):
                return _Made(digest, run_id)
        raise UnknownObject(f"model {self._model} has no checkpoint {digest} in {self._store.url}")

    def chain(self, made: _Made) -> Iterator[Origin]:
        """The link of a checkpoint, of its run's parent, and so on to the first."""
        seen: set[str] = set()
        while made.digest not in seen:  # records may be forged
            seen.add(made.digest)
            origin = self._origin(made)
            yield origin
            if origin.parent is None:
                return
            parent = _if_there(self._of_digest, origin.parent)
            if parent is None:
                return
            made = parent

    def _origin(self, made: _Made) -> Origin:
        decided = [entry for entry in self._entries if entry.version.digest == made.digest]
        run = self.runs.get(made.run_id)
        record = _if_there(self._log(made.run_id).record, made.digest)
        version = next((e.version for e in decided if e.version.run_id == made.run_id), None)
        dataset_id = run.dataset_id if run else version.dataset_id if version else None
        manifest = _if_there(load_manifest, self._store, dataset_id) if dataset_id else None
        known = record or version
        return Origin(
            checkpoint=made.digest,
            checkpoint_url=self._url(made),
            iteration=known.iteration if known else None,
            versions=_numbers(decided),
            run_id=made.run_id,
            run=run.model_dump(mode="json") if run else None,
            parent=self.parents.get(made.run_id),
            dataset_id=dataset_id,
            characters=manifest.characters if manifest else version and version.characters,
            files=_files(manifest),
            corpus=known.corpus if known else (),
            **_machine(record),
        )

    def _url(self, made: _Made) -> str | None:
        """Where the payload is, if it is there."""
        path = self._log(made.run_id).payload_path(made.digest)
        folder, _, name = path.rpartition("/")
        return self._store.location(path) if name in self._store.names(folder) else None

    def descent(self, runs: set[str], digests: set[str]) -> Descent:
        """What comes from these runs, and the reports about these checkpoints."""
        found: set[str] = set()
        while runs:
            found |= runs
            made = {e.version.digest for e in self._entries if e.version.run_id in runs}
            runs = {name for name, parent in self.parents.items() if parent in made} - found
        return Descent(
            versions=_numbers(e for e in self._entries if e.version.run_id in found),
            runs=tuple(sorted(found)),
            reports=tuple(self._reports(found, digests)),
        )

    def _reports(self, runs: set[str], digests: set[str]) -> Iterator[str]:
        from flows.storage import reports  # as above

        found = reports.manifests(self._store, self._model)
        for name, known in {known.report_id: known for known in found}.items():
            about = _if_there(reports.checkpoint_of, self._store, self._model, name, known)
            if about and (about[0] in runs or about[1] in digests):
                yield name

    def _log(self, run_id: str) -> CheckpointLog:
        return CheckpointLog(self._store, self._model, run_id)


def _numbers(entries: Iterable[Entry]) -> tuple[int, ...]:
    return tuple(sorted(entry.number for entry in entries))


def _files(manifest: DatasetManifest | None) -> tuple[File, ...]:
    if manifest is None:
        return ()
    return tuple(File(characters=f.characters, sha256=f.sha256) for f in manifest.files)


def _machine(record: CheckpointRecord | None) -> dict[str, Any]:
    """What a checkpoint was computed with, as fields of its link."""
    return {
        "cpu": record.cpu if record else None,
        "libraries": record.versions if record else {},
        "commit": record.commit if record else None,
    }


def _if_there(read: Callable[P, Found], *arguments: P.args, **named: P.kwargs) -> Found | None:
    """What `read` returns; None where it is gone or corrupt."""
    try:
        return read(*arguments, **named)
    except (UnknownObject, DamagedObject):
        return None
