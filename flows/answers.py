"""What the `registry` flow and its command answer, from the store alone: without Prefect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from flows.exceptions import OptionConflict
from flows.lifecycle import choosing
from flows.lifecycle.lineage import Lineage, Origin, Subject, lineage
from flows.parameters import (
    CheckpointDigest,
    DatasetId,
    ModelName,
    Reason,
    RegistryAction,
    ReportId,
    RunOfOrigin,
    SingleWriter,
    StoreUrl,
    VersionNumber,
    default,
)
from flows.references import Reference
from flows.reporting.page import write_page
from flows.results import FlowResult
from flows.storage.registry import Decision, Registry
from flows.storage.stores import Store, check_store, open_store
from flows.storage.versions import Entry, History

# The options of each action, besides the model and the store.
options_of: dict[str, tuple[str, ...]] = {
    "list": (),
    "show": ("version", "report", "run_id", "checkpoint", "dataset"),
    "promote": ("version", "reason"),
    "rollback": ("version", "reason"),
    "page": (),
}


class ListedVersion(Reference):
    """A version in a list."""

    version: int
    champion: bool
    run_id: str
    checkpoint_digest: str
    bits_per_character: float | None  # on its run's held-out text
    decision: Literal["promoted", "rejected", "rolled_back"]  # what holds now
    reason: str
    time: str  # UTC, ISO 8601


class RegistryResult(FlowResult):
    """What an action gave, and how a list of runs names it."""

    @property
    def outcome(self) -> str:
        """In a word."""
        return "answered"

    @property
    def sentence(self) -> str:
        """In a sentence."""
        return "; ".join(f"{name}: {value}" for name, value in list(self.table().items())[:3])


class VersionsResult(RegistryResult):
    """The versions of a model, oldest first."""

    versions: tuple[ListedVersion, ...]

    @property
    def sentence(self) -> str:
        champion = next((found.version for found in self.versions if found.champion), None)
        return f"{len(self.versions)} versions; champion: {champion}"

    def content(self) -> Any:
        return [version.model_dump(mode="json") for version in self.versions]

    def table(self) -> dict[str, str]:
        return {
            f"version {found.version}": "  ".join(
                [
                    f"{'champion' if found.champion else '':<8}",
                    f"{found.decision.replace('_', ' '):<11}",
                    f"{_bits(found.bits_per_character):>6}",
                    found.time[:16].replace("T", " "),
                    found.run_id,
                    found.reason,
                ]
            )
            for found in self.versions
        }


class LineageResult(RegistryResult):
    """Where a checkpoint or a report comes from, and what comes from it."""

    model: str
    lineage: Lineage

    def content(self) -> Any:
        return {"model": self.model, **self.lineage.model_dump(mode="json")}

    def table(self) -> dict[str, str]:
        first, *parents = self.lineage.chain or [None]
        rows = {"report": self.lineage.report_id, "dataset": self.lineage.dataset_id}
        lines = {name: value for name, value in rows.items() if value}
        if first:
            lines |= _origin_lines(first)
        for number, origin in enumerate(filter(None, parents), 1):
            lines["parent" if number == 1 else f"parent {number}"] = _in_one_line(origin)
        descent = self.lineage.descent
        return lines | {
            "versions from it": ", ".join(map(str, descent.versions)) or "none",
            "runs from it": ", ".join(descent.runs) or "none",
            "reports from it": ", ".join(descent.reports) or "none",
        }


class ChoiceResult(RegistryResult):
    """A decision by hand."""

    model: str
    decision: Literal["promoted", "rolled_back"]
    version: int | None  # number of the new version; None for a rollback
    champion: int | None  # number of the model's champion now
    champion_before: int | None
    run_id: str
    checkpoint_digest: str
    reason: str
    note: str

    @property
    def outcome(self) -> str:
        return self.decision.replace("_", " ")

    @property
    def sentence(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.reason}{note}; the champion is version {self.champion}"

    def table(self) -> dict[str, str]:
        return {
            "model": f"{self.model}, run {self.run_id}",
            "decision": self.sentence,
            "checkpoint": self.checkpoint_digest,
        }


class PageResult(RegistryResult):
    """The page of a model."""

    model: str
    page_url: str

    def table(self) -> dict[str, str]:
        return {"page": self.page_url}


Answer: TypeAlias = VersionsResult | LineageResult | ChoiceResult | PageResult


def answer(
    action: RegistryAction = default(RegistryAction),
    model: ModelName = default(ModelName),
    version: VersionNumber = default(VersionNumber),
    reason: Reason = default(Reason),
    report: ReportId = default(ReportId),
    run_id: RunOfOrigin = default(RunOfOrigin),
    checkpoint: CheckpointDigest = default(CheckpointDigest),
    dataset: DatasetId = default(DatasetId),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
    *,
    dry_run: bool = False,
) -> Answer:
    """Answer one request; what is refused leaves nothing in the store."""
    asked = {
        "version": version,
        "reason": reason or None,
        "report": report,
        "run_id": run_id,
        "checkpoint": checkpoint,
        "dataset": dataset,
    }
    check_options(action, asked)
    opened = open_store(store)
    if action == "list":
        return list_versions(opened, model)
    if action == "show":
        subject = Subject(**{name: asked[name] for name in options_of["show"]})
        return LineageResult(model=model, lineage=lineage(opened, model, subject))
    if action == "page":
        return PageResult(model=model, page_url=write_page(opened, model, dry_run=dry_run))
    registry = Registry(opened, model)
    draft = choosing.rollback(registry, version, reason)
    if action == "promote" and version is not None:
        draft = choosing.promotion(registry, version, reason)
    decided = choosing.preview(registry, draft)
    if not dry_run:
        check_store(opened, single_writer=single_writer)
        decided = registry.append(draft)
    return _choice(model, decided)


def check_options(action: str, asked: Mapping[str, object]) -> None:
    """Refuse options that an action does not take, takes one at a time, or misses."""
    taken, given = options_of[action], [name for name, value in asked.items() if value is not None]
    if others := [name for name in given if name not in taken]:
        raise OptionConflict(
            f"{action} takes no --{others[0]}: its options are"
            f" {', '.join(f'--{name}' for name in taken) or '--model and --store alone'}"
        )
    if action == "show" and len(given) > 1:
        raise OptionConflict(f"show takes one of --{' and --'.join(given)}, not both")
    if action == "promote" and asked["version"] is None:
        raise OptionConflict("promote needs --version: list shows the versions")


def list_versions(store: Store, model: str) -> VersionsResult:
    """The versions of a model, oldest first; `UnknownObject` for a model without any."""
    registry = Registry(store, model)
    history = registry.history()
    registry.refuse_empty(history)
    champion = next(history.champions(), None)
    entries = [e for e in reversed(history.entries) if e.version.decision != "rolled_back"]
    return VersionsResult(versions=tuple(_listed(entry, history, champion) for entry in entries))


def _listed(entry: Entry, history: History, champion: int | None) -> ListedVersion:
    number, time, version = entry
    return ListedVersion(
        version=number,
        champion=number == champion,
        run_id=version.run_id,
        checkpoint_digest=version.digest,
        bits_per_character=version.bits_per_character,
        decision="rolled_back" if number in history.rolled_back else version.decision,
        reason=version.reason,
        time=time,
    )


def _choice(model: str, decided: Decision) -> ChoiceResult:
    version = decided.version
    promoted = version.decision == "promoted"
    return ChoiceResult(
        model=model,
        decision="promoted" if promoted else "rolled_back",
        version=decided.number if promoted else None,
        champion=version.champion_now,
        champion_before=version.champion,
        run_id=version.run_id,
        checkpoint_digest=version.digest,
        reason=version.reason,
        note=version.note,
    )


def _origin_lines(origin: Origin) -> dict[str, str]:
    """A link of the chain, a row for each part of it."""
    removed = "removed since; the record of the version answers"
    options = {} if origin.run is None else origin.run["hyperparameters"]
    libraries = ", ".join(f"{name} {found}" for name, found in origin.libraries.items())
    return {
        "checkpoint": f"{origin.checkpoint} at iteration {origin.iteration},"
        f" {origin.checkpoint_url or removed}",
        "versions": ", ".join(map(str, origin.versions)) or "none",
        "run": origin.run_id + (f" ({removed})" if origin.run is None else ""),
        **({"network": ", ".join(f"{k} {v}" for k, v in options.items())} if options else {}),
        "machine": ", ".join(filter(None, [origin.cpu, libraries])) or "unknown",
        "code": origin.commit or "unknown",
        "trained on": _dataset(origin),
        **{
            f"file {n}": f"{file.sha256}, {file.characters:,} characters"
            for n, file in enumerate(origin.files, 1)
        },
        "corpus": ", ".join(origin.corpus) or "unknown",
        "started from": origin.parent or "scratch",
    }


def _in_one_line(origin: Origin) -> str:
    versions = ", ".join(map(str, origin.versions))
    return (
        f"{origin.checkpoint} (version {versions or 'none'}) of run {origin.run_id} on"
        f" {_dataset(origin)}, from {', '.join(origin.corpus) or 'unknown'}"
    )


def _dataset(origin: Origin) -> str:
    characters = "" if origin.characters is None else f", {origin.characters:,} characters"
    return f"dataset {origin.dataset_id or 'unknown'}{characters}"


def _bits(found: float | None) -> str:
    return "-" if found is None else f"{found:.3f}"
