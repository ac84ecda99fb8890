"""The `report` flow: sample a checkpoint, and keep the samples as a Parquet file."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("report")

from contextlib import suppress

from flows import dry_run
from flows.exceptions import RunCancelled, StorageError
from flows.parameters import Engine, ModelName, ReportedVersion, RunId, Sampling, StoreUrl, default
from flows.report_parts import draw_report
from flows.reporting.samples.identity import week_of
from flows.results import ReportResult, report_result
from flows.runtime.decorators import flow
from flows.runtime.engines import engine_of
from flows.runtime.interruption import OrCancelled, cancelled, unless_cancelled
from flows.runtime.run_names import of_model
from flows.tasks.find_checkpoint import find_checkpoint
from flows.tasks.publish_samples import publish_samples


@flow(run_name=of_model("report"), dry_run=(dry_run.report, dry_run.resources_of_report))
def report(
    model: ModelName = default(ModelName),
    run_id: RunId = default(RunId),
    version: ReportedVersion = default(ReportedVersion),
    sampling: Sampling = default(Sampling),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
) -> OrCancelled[ReportResult]:
    """Write a report of samples from a model's champion, or from a version or a run's newest
    checkpoint.
    """
    week = week_of(sampling)
    with engine_of(engine, store) as workers:
        checkpoint = find_checkpoint(store, model, run_id, version, sampling)
        try:
            written = draw_report(workers, checkpoint, sampling, week)
        except RunCancelled as stopped:
            return cancelled(stopped)
    page = None
    with suppress(StorageError):  # its task failed visibly; the report stands
        page = publish_samples(model, written)
    return unless_cancelled(report_result(checkpoint, written, page))
