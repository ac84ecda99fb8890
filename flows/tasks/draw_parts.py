"""Task: draw some parts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from prefect import get_run_logger

from flows.exceptions import RunCancelled
from flows.lifecycle.report_pieces import draw_piece
from flows.parameters import SamplingOptions
from flows.references import CheckpointRef
from flows.reporting.samples.writing import Report
from flows.runtime.decorators import task
from flows.runtime.interruption import finish_when_interrupted
from flows.storage.open_run import open_run


@task()
def draw_parts(
    checkpoint: CheckpointRef, sampling: SamplingOptions, week: str | None, numbers: Sequence[int]
) -> None:
    """Draw parts of a report and write them; what exists of them is not drawn again."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    report = Report(opened, checkpoint.digest, sampling, week)

    def draw(stop: Event) -> None:
        def unless_stopped(_: int) -> None:
            if stop.is_set():
                raise RunCancelled("the report was stopped: run it again to go on")

        draw_piece(report, numbers, unless_stopped)

    finish_when_interrupted(draw)
    get_run_logger().info(
        "report %s: %s of its parts written, the last number %s",
        *(report.place.report_id, f"{len(numbers):,}", f"{numbers[-1]:,}"),
    )
