"""Flow results: flat models that scripts read as JSON and people as the closing table."""

from __future__ import annotations

import json
import shlex
import sys
from abc import abstractmethod
from pathlib import Path
from typing import Literal

from flows.corpus.changes import Comparison
from flows.references import CheckpointRef, DatasetRef, Reference, ReportRef, StartRef, VersionRef
from flows.storage.checkpoints import EvaluationRecord
from flows.visible import visible


class FlowResult(Reference):
    """What a flow returns."""

    @abstractmethod
    def table(self) -> dict[str, str]:
        """Name and value of each row of the closing table."""


class IngestResult(FlowResult):
    """A corpus as a dataset."""

    dataset_id: str
    characters: int
    vocabulary_size: int
    dataset_url: str

    def table(self) -> dict[str, str]:
        return {
            "corpus": f"{self.characters:,} characters, {self.vocabulary_size} distinct",
            "dataset": self.dataset_url,
        }


class WatchResult(FlowResult):
    """A check of a corpus for changes."""

    source_id: str
    files: int
    first_sight: bool
    changed: bool  # since it was last seen

    @property
    def finding(self) -> str:
        """The result in words."""
        if self.first_sight:
            return "seen for the first time"
        return "changed" if self.changed else "unchanged"

    def table(self) -> dict[str, str]:
        return {"source": f"{self.source_id}, {self.files:,} files", "found": self.finding}


class TrainResult(FlowResult):
    """A trained model."""

    model: str
    dataset_id: str
    characters: int
    vocabulary_size: int
    run_id: str
    iteration: int
    epochs: float  # passes through the training text before the checkpoint
    checkpoint_digest: str
    checkpoint_url: str
    trained_iterations: int  # by this flow run; 0 where nothing was left to do
    characters_per_second: float | None  # of the last chunk that was trained
    seconds: float  # the work itself, without Prefect's start and stop

    def table(self) -> dict[str, str]:
        speed = self.characters_per_second
        trained = f"{self.trained_iterations:,} iterations"
        if not self.trained_iterations:
            trained = "nothing, the store holds the finished run"
        return {
            "model": f"{self.model}, run {self.run_id}",
            "corpus": f"{self.characters:,} characters, {self.vocabulary_size} distinct",
            "trained now": f"{trained} ({self.seconds:.1f} s in all)",
            "trained in all": f"{self.iteration:,} iterations, {self.epochs:.1f} epochs",
            "speed": f"{speed:,.0f} characters per second" if speed else "-",
            "checkpoint": self.checkpoint_url,
        }


class ReportResult(FlowResult):
    """A report of samples."""

    model: str
    dataset_id: str
    run_id: str
    iteration: int
    checkpoint_digest: str
    report_id: str
    report_url: str
    rows: int

    def table(self) -> dict[str, str]:
        return {
            "model": f"{self.model}, run {self.run_id}, iteration {self.iteration:,}",
            "samples": f"{self.rows:,} rows",
            **report_lines(self.report_url),
        }


class RetrainResult(TrainResult):
    """A trained and evaluated model, with a report of its samples."""

    train_bits_per_character: float
    held_out_bits_per_character: float | None  # None where nothing was held out
    version: int  # number of the decision in the model's registry
    decision: Literal["promoted", "rejected"]
    reason: str
    champion: int | None  # number of the model's champion now
    report_id: str
    report_url: str

    def table(self) -> dict[str, str]:
        held_out = self.held_out_bits_per_character
        decision = f"{self.decision} as version {self.version}: {self.reason}"
        if self.decision == "promoted" and self.champion not in {None, self.version}:
            decision += f"; now the champion is version {self.champion}"
        return {
            **super().table(),
            "training text": f"{self.train_bits_per_character:.3f} bits per character",
            "held-out text": "none" if held_out is None else f"{held_out:.3f} bits per character",
            "decision": decision,
            **report_lines(self.report_url),
        }


def report_lines(url: str) -> dict[str, str]:
    """Where a report is, and a command that reads it."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    table = (
        f"p.read_table({visible(json.dumps(url, ensure_ascii=False))})"  # escapes of Python, too
    )
    code = f'import pyarrow.parquet as p; print(*{table}["text"], sep="\\n---\\n")'
    return {"report": url, "read it with": f"{shlex.quote(str(python))} -c {shlex.quote(code)}"}


def ingest_result(dataset: DatasetRef) -> IngestResult:
    """The result of the `ingest` flow."""
    return IngestResult(
        dataset_id=dataset.dataset_id,
        characters=dataset.characters,
        vocabulary_size=dataset.vocabulary_size,
        dataset_url=dataset.url,
    )


def watch_result(found: Comparison) -> WatchResult:
    """The result of the `watch` flow."""
    return WatchResult(
        source_id=found.source.source_id,
        files=len(found.files),
        first_sight=found.is_first,
        changed=found.has_changed,
    )


def train_result(
    dataset: DatasetRef, start: StartRef, end: CheckpointRef, seconds: float
) -> TrainResult:
    """The result of the `train` flow: from `start` to checkpoint `end`."""
    run = end.run
    return TrainResult(
        model=run.model,
        dataset_id=dataset.dataset_id,
        characters=dataset.characters,
        vocabulary_size=dataset.vocabulary_size,
        run_id=run.run_id,
        iteration=end.iteration,
        epochs=end.iteration / start.iterations_per_epoch,
        checkpoint_digest=end.digest,
        checkpoint_url=end.url,
        trained_iterations=end.iteration - start.checkpoint.iteration,
        characters_per_second=end.characters_per_second,
        seconds=seconds,
    )


def report_result(checkpoint: CheckpointRef, report: ReportRef) -> ReportResult:
    """The result of the `report` flow."""
    run = checkpoint.run
    return ReportResult(
        model=run.model,
        dataset_id=run.dataset_id,
        run_id=run.run_id,
        iteration=checkpoint.iteration,
        checkpoint_digest=checkpoint.digest,
        report_id=report.report_id,
        report_url=report.url,
        rows=report.rows,
    )


def retrain_result(
    trained: TrainResult, measured: EvaluationRecord, decided: VersionRef, report: ReportRef
) -> RetrainResult:
    """The result of the `retrain` flow."""
    return RetrainResult(
        **trained.model_dump(),
        train_bits_per_character=measured.train_bits_per_character,
        held_out_bits_per_character=measured.held_out_bits_per_character,
        version=decided.number,
        decision=decided.decision,
        reason=decided.reason,
        champion=decided.champion,
        report_id=report.report_id,
        report_url=report.url,
    )
