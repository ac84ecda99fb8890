"""A fleet in the terminal, in the log and in Prefect's UI: how far it is, who improved, who failed."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from functools import partial

from prefect import get_run_logger

from flows.display.artifacts import artifact_key, publish, send_progress, start_progress
from flows.display.now_and_then import NowAndThen
from flows.display.terminal import live_training
from flows.fleet_result import FleetResult, succeeded
from flows.references import OutcomeRef
from flows.runtime.background import BackgroundCall
from flows.text.markdown import cell, code_span

every_seconds = 5.0
shown_failures = 20  # at once, as they come
shown_rows = 100
name = "of-models"  # in the keys of artifacts, which name a model elsewhere


class FleetProgress:
    """Told of outcomes as they come; says now and then how many there are, and at once who failed."""

    def __init__(self, store: str, total: int) -> None:
        self._total = total
        self._counts: Counter[str] = Counter()
        self._turns = NowAndThen(every_seconds)
        self._artifact = start_progress(artifact_key("fleet-progress", store, name), "Models", 0.0)
        self._call = BackgroundCall()

    def __call__(self, outcome: OutcomeRef) -> None:
        """One more model is done."""
        self._counts[outcome.outcome] += 1
        failed = sum(count for word, count in self._counts.items() if word not in succeeded)
        if outcome.outcome not in succeeded and failed <= shown_failures:
            get_run_logger().warning("%s %s: %s", outcome.model, outcome.outcome, outcome.error)
        done = self._counts.total()
        if self._turns.is_due() or done == self._total:
            self._say(done)

    def _say(self, done: int) -> None:
        counts = ", ".join(f"{count:,} {word}" for word, count in sorted(self._counts.items()))
        message = f"{done:,} of {self._total:,} models: {counts}"
        get_run_logger().info(message)
        live_training().announce(message)
        self._call.start(partial(send_progress, self._artifact, 100.0 * done / self._total))


def show_fleet(
    store: str, result: FleetResult, outcomes: Sequence[OutcomeRef], picture: bytes
) -> None:
    """Who failed and who improved, as a page of the flow run; the picture is a PNG."""
    rows = sorted(outcomes, key=_place)
    shown = [row for row in rows if row.outcome != "unchanged"][:shown_rows]
    encoded = base64.b64encode(picture).decode()
    lines = [
        f"# {result.sentence}",
        f"![Gain by model, in bits per character](data:image/png;base64,{encoded})",
        f"Outcomes: {code_span(result.outcomes_url)}\n",
        "| model | outcome | version | gain | bits per character | why |",
        "|---|---|---|---|---|---|",
        *map(_row, shown),
    ]
    if (more := len(rows) - len(shown)) > 0:
        lines.append(f"\nAnd {more:,} more in the file, the unchanged ones among them.")
    publish(
        artifact_key("fleet", store, name), "Models of a fleet: who failed, who improved", lines
    )


def _place(row: OutcomeRef) -> tuple[bool, float, str]:
    """Failed ones first, then by gain, the largest first."""
    return row.outcome in succeeded, -(row.gain or 0.0), row.model


def _row(row: OutcomeRef) -> str:
    cells = [
        row.model,
        row.outcome,
        "-" if row.version is None else str(row.version),
        "-" if row.gain is None else f"{row.gain:+.3f}",
        "-" if row.held_out_bits_after is None else f"{row.held_out_bits_after:.3f}",
        "; ".join(filter(None, (row.error or row.reason, *row.warnings))),
    ]
    return f"| {' | '.join(map(cell, cells))} |"
