"""The result of the `score` flow."""

from __future__ import annotations

from flows.references import ScoreRef, SurprisingRef
from flows.results import FlowResult

shown_rows = 5


class ScoreResult(FlowResult):
    """A text, scored."""

    model: str
    run_id: str
    version: int | None
    checkpoint_digest: str
    score_id: str
    score_url: str
    rows: int
    characters: int  # that were scored
    nats_per_character: float
    unknown: int  # characters that the model does not know
    threshold: float | None  # nats per character
    threshold_is_derived: bool  # from held-out text
    surprising: int  # rows above it
    share: float  # of the rows
    is_alert: bool
    worst: tuple[SurprisingRef, ...]  # rows, the highest first

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        if self.threshold is None:
            return f"{self.rows:,} rows; no threshold, since the run holds no text out"
        source = " (from held-out text)" if self.threshold_is_derived else ""
        return (
            f"{self.surprising:,} of {self.rows:,} rows ({self.share:.2%}) are above"
            f" {self.threshold:.3f} nats per character{source}"
        )

    def table(self) -> dict[str, str]:
        version = "" if self.version is None else f", version {self.version}"
        return {
            "model": f"{self.model}{version}, run {self.run_id}",
            "text": f"{self.characters:,} characters, {self.unknown:,} unknown,"
            f" {self.nats_per_character:.3f} nats per character",
            "surprising": f"{self.sentence}{': an alert' if self.is_alert else ''}",
            **{
                f"most surprising, {place}": f"{row.nats_per_character:.3f} in {row.file}:{row.number}:"
                f" {row.text}"
                for place, row in enumerate(self.worst[:shown_rows], 1)
            },
            "scores": self.score_url,
        }


def score_result(scored: ScoreRef) -> ScoreResult:
    """The result of the `score` flow."""
    return ScoreResult(**scored.model_dump())
