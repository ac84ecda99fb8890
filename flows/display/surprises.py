"""Scores in Prefect's UI and in the log: how far the scoring is, and the most surprising rows."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.artifacts import artifact_key, publish
from flows.display.now_and_then import NowAndThen
from flows.display.terminal import live_training
from flows.references import ScoreRef
from flows.text.markdown import cell, code_span

every_seconds = 2.0


class ScoringProgress:
    """Told how many characters were scored; says so now and then."""

    def __init__(self) -> None:
        self._turns = NowAndThen(every_seconds)

    def __call__(self, done: int, total: int) -> None:
        """So many were scored, of all."""
        if not self._turns.is_due():
            return
        message = f"scored {done / 1e6:,.1f} of {total / 1e6:,.1f} million characters"
        get_run_logger().info(message)
        live_training().announce(message)


def show_surprising(store: str, scored: ScoreRef) -> None:
    """The most surprising rows as a page; their text is in code spans."""
    lines = [
        f"# {scored.surprising:,} of {scored.rows:,} rows are surprising",
        f"Scores: {code_span(scored.score_url)}\n",
        "| nats per character | file | row | most surprising | text |",
        "|---|---|---|---|---|",
        *(
            f"| {row.nats_per_character:.3f} | {cell(row.file)} | {row.number} | {cell(row.span)}"
            f" | {cell(row.text)} |"
            for row in scored.worst
        ),
    ]
    description = f"Model {scored.model}: the rows of a text that surprise it most"
    publish(artifact_key("scores", store, scored.model), description, lines)
