"""Task: publish the page of a run in Prefect's UI."""

from __future__ import annotations

from flows.display.artifacts import show_page
from flows.references import CheckpointRef, ReportRef, VersionRef
from flows.reporting.curve import loss_curve_png
from flows.results import RetrainResult
from flows.runtime.decorators import task
from flows.storage import reports
from flows.storage.open_run import open_run
from flows.storage.profiles import entropies_of


@task("publish page of {result.model}")
def publish_page(
    checkpoint: CheckpointRef, decided: VersionRef, report: ReportRef, result: RetrainResult
) -> None:
    """Decision, loss curve, metrics and samples of a finished run on one page."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    picture = loss_curve_png(
        opened.log.records(),
        f"Model {run.model}",
        iterations_per_epoch=result.iteration / result.epochs,
        champion_bits=decided.champion_bits_per_character,
        entropies=entropies_of(opened.store, run.dataset_id),
    )
    found = reports.describe(opened.store, run.model, report.report_id)
    show_page(run.store, result, picture, found.first)
