"""What a run shows in the Prefect UI."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact

from flows.display.artifacts import code_block, code_span
from tests.support.flows import retrained

Options = Callable[..., dict[str, Any]]


def newest_artifact(key: str) -> Artifact:
    """The artifact of that key that was written last."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )
    return max(found, key=lambda artifact: str(artifact.created))


def test_run_writes_a_page_with_picture_table_and_samples(options: Options) -> None:
    """The markdown artifact shows decision, loss curve, metrics, a sample of each temperature."""
    outcome = retrained(options(model="painted"))

    page = str(newest_artifact("retrain-painted").data)
    picture = page.split("data:image/png;base64,")[1].split(")", maxsplit=1)[0]
    assert "**` promoted as version 0: there was no champion `**" in page
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert f"{outcome.train_bits_per_character:.3f} bits per character" in page
    for temperature in ("0.5", "0.8", "1"):
        assert f"### Temperature {temperature}\n" in page
    for name, address in (("checkpoint", outcome.checkpoint_url), ("report", outcome.report_url)):
        assert f"{name}:\n```text\n{address}\n```" in page


def test_the_page_belongs_to_the_flow_run_alone(options: Options) -> None:
    """The older UI lists no artifacts of tasks."""
    retrained(options(model="listed"))

    artifact = newest_artifact("retrain-listed")
    assert artifact.flow_run_id
    assert artifact.task_run_id is None


def test_run_writes_its_progress(options: Options) -> None:
    """The progress artifact of a finished run is at 100."""
    retrained(options(model="counted"))

    assert float(str(newest_artifact("progress-counted").data)) == 100.0


def test_run_writes_the_first_rows_of_its_report(options: Options) -> None:
    """The table artifact shows samples with their temperature."""
    retrained(options(model="tabled"))

    rows = json.loads(str(newest_artifact("samples-tabled").data))
    assert len(rows) == 12
    assert sorted({row["temperature"] for row in rows}) == [0.5, 0.8, 1.0]


def test_fence_holds_any_text() -> None:
    """Backticks in a sample do not end its code block."""
    block = code_block("a ``` b ```` c")

    assert block.startswith("`````text\n")
    assert block.endswith("\n`````")


def test_a_code_span_holds_any_text() -> None:
    """Backticks do not end it, and no line ends: a paragraph ends with a blank line."""
    assert "``` a ` b `` \\n\\n![](http://c) ```" == code_span("a ` b `` \n\n![](http://c)")
