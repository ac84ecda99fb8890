"""What people see in the Prefect UI: progress, loss curve, metrics, samples.

The UI renders Markdown, in cells of tables too, and loads the pictures in it. Whatever comes from a
text, a file's name or a record is therefore in a code span or a code block.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from functools import partial
from typing import cast
from uuid import UUID

import pyarrow as pa
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run

from flows.results import RetrainResult
from flows.runtime.background import BackgroundCall
from flows.visible import visible

patience_seconds = 5  # for the server to receive the last state
shown_rows = 20  # of a report, in the UI
shown_characters = 400  # of a sample, in a table
long_values = ("checkpoint", "report", "read it with")  # too wide for the table


class Progress:
    """How far training is, as an artifact of the flow run; training does not wait for the server."""

    def __init__(self, model: str, iteration: int, goal: int) -> None:
        self._goal = goal
        # Prefect's types allow for asynchronous use; in a synchronous flow it returns the id
        self._artifact = create_progress_artifact(
            progress=self._percent(iteration),
            key=f"progress-{model}",
            description=f"Training of model {model}",
        )
        self._call = BackgroundCall()

    def update(self, iteration: int) -> None:
        """Show that training is at `iteration`; only the last update is sure to be sent."""
        is_last = iteration >= self._goal
        if is_last:
            self._call.wait(patience_seconds)
        self._call.start(partial(self._send, self._percent(iteration)))
        if is_last:
            self._call.wait(patience_seconds)

    def _send(self, percent: float) -> None:
        with suppress(Exception):  # no server, or the flow has ended meanwhile
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
                "text": code_span(row["text"][:shown_characters]),
            }
            for row in samples
        ],
        key=f"samples-{model}",
        description=f"First samples of report {code_span(samples[0]['report_id'])}"
        if samples
        else None,
    )


def show_page(result: RetrainResult, picture: bytes, table: pa.Table) -> None:
    """Decision, loss curve (a PNG), metrics and samples of a finished run on one page."""
    values = result.table()
    files = {name: values.pop(name) for name in long_values}
    encoded = base64.b64encode(picture).decode()
    lines = [
        f"# Model {result.model} at iteration {result.iteration:,}",
        f"**{code_span(values.pop('decision'))}**\n",
        f"![Loss curve: bits per character by iteration](data:image/png;base64,{encoded})",
        "| metric | value |\n|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in values.items()),
        "\n## Samples",
        *_samples_by_temperature(table),
        "## Files",
        *(f"{name}:\n{code_block(value)}" for name, value in files.items()),
    ]
    page = ArtifactCreate(
        type="markdown",
        key=f"retrain-{result.model}",
        description=f"Model {result.model}: decision, loss curve, metrics, samples",
        data="\n".join(lines),
        flow_run_id=UUID(flow_run.get_id()),  # alone: the older UI lists no artifacts of tasks
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(page)


def _samples_by_temperature(table: pa.Table) -> list[str]:
    """The first sample of each temperature, in code blocks."""
    first: dict[float, str] = {}
    for row in table.to_pylist():
        if row["kind"] == "sample":
            first.setdefault(row["temperature"], row["text"])
    return [
        f"### Temperature {temperature:g}\n{code_block(text)}"
        for temperature, text in sorted(first.items())
    ]


def code_block(text: str) -> str:
    """`text` as a block of Markdown that is shown as it is."""
    lines = "\n".join(map(visible, text.split("\n")))
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}text\n{lines}\n{fence}"


def code_span(text: str) -> str:
    """`text` within a line of Markdown, shown as it is; line ends, which could end it, are escapes."""
    fence = "`" * (_longest_backticks(text) + 1)
    return f"{fence} {visible(text)} {fence}"


def _cell(text: str) -> str:
    """`text` in a row of a table, in which a bar ends a cell even within a code span."""
    return code_span(visible(text).replace("|", "\\x7c"))


def _longest_backticks(text: str) -> int:
    """Length of the longest run of backticks in `text`: a fence has to be longer."""
    return max(map(len, re.findall("`+", text)), default=0)
