"""What the `registry` flow gives, as JSON and as a table."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from flows.lifecycle.lineage import Lineage, Origin
from flows.references import Reference
from flows.results import FlowResult

shown_files = 20  # of a corpus, in a table


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

    lineage: Lineage

    def content(self) -> Any:
        return self.lineage.model_dump(mode="json")

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
    index_url: str  # of the page of all models

    def table(self) -> dict[str, str]:
        return {"page": self.page_url, "all models": self.index_url}


class ExportResult(RegistryResult):
    """A version as files for other programs."""

    model: str
    version: int
    run_id: str
    checkpoint_digest: str
    folder_url: str
    sizes: dict[str, int]  # bytes of each file
    written: tuple[str, ...]  # files that were not there yet; none: the export was there already
    note: str  # what was left out, and how to get it

    @property
    def outcome(self) -> str:
        return "exported" if self.written else "unchanged"

    @property
    def sentence(self) -> str:
        state = "was exported to" if self.written else "is already in"
        note = f"; {self.note}" if self.note else ""
        return f"version {self.version} of model {self.model} {state} {self.folder_url}{note}"

    def table(self) -> dict[str, str]:
        files = {
            name: f"{size:,} bytes, {'new' if name in self.written else 'there already'}"
            for name, size in self.sizes.items()
        }
        note = {"note": self.note} if self.note else {}
        return {
            "version": f"{self.version} of model {self.model}, checkpoint {self.checkpoint_digest}",
            "folder": self.folder_url,
            **files,
            **note,
        }


class TablesResult(RegistryResult):
    """Curves and decisions of a model as tables."""

    model: str
    checkpoints_url: str
    checkpoints: int  # rows
    decisions_url: str
    decisions: int

    def table(self) -> dict[str, str]:
        return {
            "checkpoints": f"{self.checkpoints_url}, {self.checkpoints:,} rows",
            "decisions": f"{self.decisions_url}, {self.decisions:,} rows",
        }


Answer: TypeAlias = (
    VersionsResult | LineageResult | ChoiceResult | PageResult | ExportResult | TablesResult
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
        "trained on": f"{_dataset(origin)} in {len(origin.files) or 'unknown'} files",
        **{
            f"file {n}": f"{file.sha256}, {file.characters:,} characters"
            for n, file in enumerate(origin.files[:shown_files], 1)
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
