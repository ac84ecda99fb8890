"""Flow results: flat models that scripts read as JSON and people as the closing table."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

from flows.corpus.changes import Comparison
from flows.references import (
    AnswerRef,
    CheckpointRef,
    DatasetRef,
    MeasuredRef,
    Reference,
    ReportRef,
    StartRef,
    VersionRef,
    WorkRef,
)
from flows.reporting.reading import report_lines


class FlowResult(Reference):
    """What a flow returns."""

    @abstractmethod
    def table(self) -> dict[str, str]:
        """Name and value of each row of the closing table."""

    def content(self) -> Any:
        """What `--json` prints."""
        return self.model_dump(mode="json")


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
    page_url: str | None = None  # of the report as HTML; None where it could not be drawn

    def table(self) -> dict[str, str]:
        return {
            "model": f"{self.model}, run {self.run_id}, iteration {self.iteration:,}",
            "samples": f"{self.rows:,} rows",
            **report_lines(self.report_url),
            **_page(self.page_url),
        }


class RetrainResult(TrainResult):
    """A trained and evaluated model, with a report of its samples.

    Iteration, epochs and checkpoint are those of the checkpoint that was judged: the best.
    """

    outcome: Literal["promoted", "rejected", "unchanged"]  # of this flow run
    starts_from: str
    end_iteration: int  # of the training, at or after the checkpoint that was judged
    train_bits_per_character: float | None  # None where the checkpoint was removed since
    held_out_bits_per_character: float | None  # None where nothing was held out
    version: int  # number of the decision in the model's registry
    decision: Literal["promoted", "rejected", "rolled_back"]
    reason: str
    warnings: tuple[str, ...]
    copied: dict[str, tuple[float | None, float | None]]  # samples, held-out text; by length
    champion: int | None  # number of the model's champion now
    report_id: str | None
    report_url: str | None
    page_url: str | None = None  # of the report as HTML; None where it could not be drawn

    @property
    def sentence(self) -> str:
        """What came of it, in words."""
        decision = f"{self.decision} as version {self.version}: {self.reason}"
        if self.decision == "rolled_back":
            decision = f"version {self.version} was rolled back"
        if self.champion is not None and self.champion != self.version:
            decision += f"; the champion is version {self.champion}"
        if self.outcome != "unchanged":
            return decision
        found = "trained, but nothing better found" if self.trained_iterations else ""
        gone = "" if self.report_id else "; its run was removed since, so there is no report"
        return f"{found or 'nothing new to train'}; {decision}{gone}"

    def table(self) -> dict[str, str]:
        trained, held_out = self.train_bits_per_character, self.held_out_bits_per_character
        report = {} if self.report_url is None else report_lines(self.report_url)
        return {
            **super().table(),
            "started from": self.starts_from,
            "training text": "-" if trained is None else f"{trained:.3f} bits per character",
            "held-out text": "none" if held_out is None else f"{held_out:.3f} bits per character",
            "decision": self.sentence,
            **({"copied": copied} if (copied := self._copied()) else {}),
            **({"warnings": "; ".join(self.warnings)} if self.warnings else {}),
            **report,
            **_page(self.page_url),
        }

    def _copied(self) -> str:
        """How much of the samples stands in the training text, in words."""
        return ", ".join(
            f"{length} characters {mine:.1%} (held-out text {theirs:.1%})"
            for length, (mine, theirs) in self.copied.items()
            if mine is not None and theirs is not None
        )


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
    dataset: DatasetRef, work: WorkRef, end: CheckpointRef, trained_iterations: int, seconds: float
) -> TrainResult:
    """The result of the `train` flow, which ended at checkpoint `end`."""
    return TrainResult(
        **_trained(dataset, work, end), trained_iterations=trained_iterations, seconds=seconds
    )


def _trained(dataset: DatasetRef, work: WorkRef, checkpoint: CheckpointRef) -> dict[str, Any]:
    """What is known of a checkpoint of a run."""
    return {
        "model": work.run.model,
        "dataset_id": dataset.dataset_id,
        "characters": dataset.characters,
        "vocabulary_size": work.vocabulary_size,
        "run_id": work.run.run_id,
        "iteration": checkpoint.iteration,
        "epochs": checkpoint.iteration / work.iterations_per_epoch,
        "checkpoint_digest": checkpoint.digest,
        "checkpoint_url": checkpoint.url,
        "characters_per_second": checkpoint.characters_per_second,
    }


def report_result(
    checkpoint: CheckpointRef, report: ReportRef, page_url: str | None
) -> ReportResult:
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
        page_url=page_url,
    )


def retrain_result(
    dataset: DatasetRef,
    start: StartRef,
    end: CheckpointRef,
    measured: MeasuredRef,
    decided: VersionRef,
    report: ReportRef,
    seconds: float,
) -> RetrainResult:
    """The result of the `retrain` flow."""
    trained = end.iteration - start.checkpoint.iteration
    return RetrainResult(
        **_trained(dataset, start.work, measured.checkpoint),
        **_decided(decided),
        outcome=_outcome(decided) if decided.is_new else "unchanged",
        starts_from=start.work.starts_from,
        end_iteration=end.iteration,
        trained_iterations=trained,
        seconds=seconds,
        train_bits_per_character=measured.train_bits_per_character,
        held_out_bits_per_character=measured.held_out_bits_per_character,
        report_id=report.report_id,
        report_url=report.url,
    )


def answered_result(
    dataset: DatasetRef, work: WorkRef, answer: AnswerRef, seconds: float
) -> RetrainResult:
    """The result of the `retrain` flow where a decision answers whose run was removed."""
    return RetrainResult(
        **_trained(dataset, work, answer.checkpoint),
        **_decided(answer.version),
        outcome="unchanged",
        starts_from=work.starts_from,
        end_iteration=work.goal,
        trained_iterations=0,
        seconds=seconds,
        train_bits_per_character=None,
        held_out_bits_per_character=answer.held_out_bits_per_character,
        report_id=None,
        report_url=None,
    )


def with_page(result: RetrainResult, page_url: str) -> RetrainResult:
    """A result whose report has been drawn."""
    return result.model_copy(update={"page_url": page_url})


def _page(url: str | None) -> dict[str, str]:
    """The line of a report's page."""
    return {"page": url} if url else {}


def _outcome(decided: VersionRef) -> Literal["promoted", "rejected"]:
    return "promoted" if decided.decision == "promoted" else "rejected"


def _decided(decided: VersionRef) -> dict[str, Any]:
    """A decision, as the keys of a result."""
    return {
        "version": decided.number,
        "decision": decided.decision,
        "reason": decided.reason,
        "warnings": decided.warnings,
        "copied": decided.copied,
        "champion": decided.champion,
    }
