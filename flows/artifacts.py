"""What people see in the Prefect UI: progress, loss curve, metrics, samples."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from functools import partial
from typing import cast
from uuid import UUID

import pyarrow as pa
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.aside import Aside
from flows.curve import loss_curve_png
from flows.outcome import RetrainOutcome
from flows.storage import reports
from flows.storage.files import open_store
from flows.storage.open_run import open_run

patience_seconds = 5  # for the server to hear of the end
shown_rows = 20  # of a report, in the UI
shown_characters = 400  # of a sample, in a table
long_values = ("checkpoint", "report", "read it with")  # would push a table over what is beside it


class Progress:
    """How far training is, as an artifact of the flow run; training waits for no server to hear it."""

    def __init__(self, model: str, iteration: int, goal: int) -> None:
        self._goal = goal
        # Prefect types its functions as perhaps asynchronous; in a synchronous flow they are not
        self._artifact = create_progress_artifact(
            progress=self._percent(iteration),
            key=f"progress-{model}",
            description=f"Training of model {model}",
        )
        self._aside = Aside()

    def update(self, iteration: int) -> None:
        """Show that training stands at `iteration`; in between it may be left out, at the goal not."""
        is_last = iteration >= self._goal
        if is_last:
            self._aside.wait(patience_seconds)
        self._aside.run(partial(self._tell, self._percent(iteration)))
        if is_last:
            self._aside.wait(patience_seconds)

    def _tell(self, percent: float) -> None:
        with suppress(Exception):  # the server is away, or the flow has ended meanwhile
            update_progress_artifact(cast("UUID", self._artifact), progress=percent)

    def _percent(self, iteration: int) -> float:
        return min(100.0, 100.0 * iteration / self._goal)


def show_samples(model: str, table: pa.Table) -> None:
    """The first rows of a report as a table."""
    samples = [row for row in table.to_pylist() if row["kind"] == "sample"][:shown_rows]
    create_table_artifact(
        table=[
            {
                "sample": row["sample_number"],
                "temperature": row["temperature"],
                "nats per character": round(row["nats_per_character"], 3),
                "text": row["text"][:shown_characters],
            }
            for row in samples
        ],
        key=f"samples-{model}",
        description=f"First samples of report {samples[0]['report_id']}" if samples else None,
    )


def show_outcome(outcome: RetrainOutcome, store: str) -> None:
    """Loss curve, metrics and samples of a finished run on one page."""
    records = open_run(store, outcome.model, outcome.run_id).log.records()
    picture = base64.b64encode(loss_curve_png(records, f"Model {outcome.model}")).decode()
    table = reports.load(open_store(store), outcome.model, outcome.report_id)
    values = outcome.table()
    files = {name: values.pop(name) for name in long_values}
    lines = [
        f"# Model {outcome.model} at iteration {outcome.iteration:,}",
        f"**{_escape(values.pop('decision'))}**\n",
        f"![Loss curve: bits per character by iteration](data:image/png;base64,{picture})",
        "| metric | value |\n|---|---|",
        *(f"| {name} | {_escape(value)} |" for name, value in values.items()),
        "\n## Samples",
        *_samples_by_temperature(table),
        "## Files",
        *(f"{name}:\n{_fence(value)}" for name, value in files.items()),
    ]
    create_markdown_artifact(
        markdown="\n".join(lines),
        key=f"retrain-{outcome.model}",
        description=f"Model {outcome.model}: decision, loss curve, metrics, samples",
    )


def _samples_by_temperature(table: pa.Table) -> list[str]:
    """The first sample of each temperature, as blocks that show every character as it is."""
    first: dict[float, str] = {}
    for row in table.to_pylist():
        if row["kind"] == "sample":
            first.setdefault(row["temperature"], row["text"])
    return [
        f"### Temperature {temperature:g}\n{_fence(text)}"
        for temperature, text in sorted(first.items())
    ]


def _fence(text: str) -> str:
    """`text` in a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "\\`")
