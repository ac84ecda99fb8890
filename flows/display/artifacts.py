"""What people see in the Prefect UI: progress, loss curve, metrics, samples.

The UI renders Markdown, in cells of tables too, and loads the pictures in it. Whatever comes from a
text, a file's name or a record is therefore in a code span or a code block.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run

from flows.parameters import StoreUrl, default
from flows.reporting.story import Night, Story, bits, decided, minute
from flows.results import RetrainResult
from flows.runtime.background import BackgroundCall
from flows.storage.canonical import digest
from flows.storage.urls import local_protocols, protocol_of, public_url
from flows.text.markdown import cell, code_block, code_span, wrapped

if TYPE_CHECKING:
    import pyarrow as pa  # it takes 40 MB, and what shows progress needs none

patience_seconds = 5  # for the server to receive the last state
shown_samples = 3  # of each temperature
shown_nights = 50
long_values = ("checkpoint", "report", "page", "read it with")  # too wide for the table


class Progress:
    """How far training is, as an artifact of the flow run; training does not wait for the server."""

    def __init__(self, store: str, model: str, iteration: int, goal: int) -> None:
        self._goal = goal
        key = artifact_key("progress", store, model)
        self._artifact = start_progress(key, f"Training of model {model}", self._percent(iteration))
        self._call = BackgroundCall()

    def update(self, iteration: int) -> None:
        """Show that training is at `iteration`; only the last update is sure to be sent."""
        is_last = iteration >= self._goal
        if is_last:
            self._call.wait(patience_seconds)
        self._call.start(partial(send_progress, self._artifact, self._percent(iteration)))
        if is_last:
            self._call.wait(patience_seconds)

    def _percent(self, iteration: int) -> float:
        return min(100.0, 100.0 * iteration / self._goal)


def start_progress(key: str, description: str, percent: float) -> UUID:
    """A new bar in the UI."""
    # Prefect's types allow for asynchronous use; in a synchronous flow it returns the id
    found = create_progress_artifact(progress=percent, key=key, description=description)
    return cast("UUID", found)


def send_progress(artifact: UUID, percent: float) -> None:
    """Move a bar."""
    with suppress(Exception):  # no server, or the flow has ended meanwhile
        update_progress_artifact(artifact, progress=percent)


def show_samples(store: str, model: str, table: pa.Table, files: Mapping[str, str]) -> None:
    """The first samples of a report, and where its files are, by name."""
    lines = [
        f"# Samples of model {model}",
        *(f"{name}:\n{code_block(address)}" for name, address in files.items()),
        *_samples_by_temperature(table, shown_samples),
    ]
    publish(artifact_key("samples", store, model), f"First samples of model {model}", lines)


def show_page(store: str, result: RetrainResult, picture: bytes, table: pa.Table) -> None:
    """Decision, loss curve (a PNG), metrics and samples of a finished run on one page."""
    values = result.table()
    files = {name: values.pop(name) for name in long_values if name in values}
    encoded = base64.b64encode(picture).decode()
    lines = [
        f"# Model {result.model} at iteration {result.iteration:,}",
        f"**{code_span(values.pop('decision'))}**\n",
        f"![Loss curve: bits per character by iteration](data:image/png;base64,{encoded})",
        "| metric | value |\n|---|---|",
        *(f"| {name} | {cell(value)} |" for name, value in values.items()),
        "\n## Samples",
        *_samples_by_temperature(table, 1),
        "## Files",
        *(f"{name}:\n{code_block(value)}" for name, value in files.items()),
    ]
    publish(
        artifact_key("retrain", store, result.model),
        f"Model {result.model}: decision, loss curve, metrics, samples",
        lines,
    )


def show_model_page(store: str, story: Story, picture: bytes) -> None:
    """A model's champion over the nights (a PNG), what holds now, and the newest decisions."""
    encoded = base64.b64encode(picture).decode()
    lines = [
        f"# Model {story.model}",
        f"![Champion's bits per character over the nights](data:image/png;base64,{encoded})",
        "| now | |\n|---|---|",
        *(f"| {name} | {cell(value)} |" for name, value in story.lines().items()),
        "\n## Decisions",
        "| record | time | decision | bits per character | champion after it | sum of losses | why |",
        "|---|---|---|---|---|---|---|",
        *map(_night, story.nights[:shown_nights]),
    ]
    if (more := len(story.nights) - shown_nights) > 0:
        lines.append(f"\nAnd {more:,} before: `python -m flows.registry page` shows them.")
    description = f"Model {story.model}: champion over the nights, decisions"
    publish(artifact_key("model", store, story.model), description, lines)


def _night(night: Night) -> str:
    """A decision as a row of Markdown."""
    number, time, version = night.entry
    cells = [
        minute(time),
        decided(night),
        bits(version.bits_per_character),
        "-" if night.champion is None else f"version {night.champion}",
        bits(version.lost_bits),
        "; ".join(night.remarks),
    ]
    return f"| {number} | {' | '.join(map(cell, cells))} |"


def publish(key: str, description: str, lines: Sequence[str]) -> None:
    """A page of the flow run."""
    page = ArtifactCreate(
        type="markdown",
        key=key,
        description=description,
        data="\n".join(lines),
        flow_run_id=UUID(flow_run.get_id()),  # alone: the older UI lists no artifacts of tasks
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(page)


def artifact_key(kind: str, store: str, model: str) -> str:
    """The key of a model's artifact; it names the store where that is not the default one.

    >>> artifact_key("model", "data/store", "kjv"), artifact_key("model", "s3://b/store", "kjv")
    ('model-kjv', 'model-kjv-95797b9d')
    """
    place = _place(store)
    suffix = "" if place == _place(default(StoreUrl)) else f"-{digest(place.encode())[:8]}"
    return f"{kind}-{model}{suffix}"


def _place(store: str) -> str:
    """One spelling of the public URL of a store."""
    if protocol_of(store) in local_protocols:
        path = store.partition("://")[2] or store
        return str(Path(path).expanduser().absolute())
    return public_url(store).rstrip("/")


def _samples_by_temperature(table: pa.Table, most: int) -> Iterator[str]:
    """Samples of the first priming text and seed in code blocks, so many of each temperature."""
    from flows.reporting.pages.excerpt import excerpt_of  # pyarrow takes 40 MB

    for group in excerpt_of(table).groups[:1]:
        for temperature, some in group.samples.items():
            yield f"### Temperature {temperature:g}"
            for sample in some[:most]:
                number = f"number {sample.row['sample_number']}:\n" if most > 1 else ""
                yield f"{number}{code_block(wrapped(sample.text))}"
