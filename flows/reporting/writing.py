"""A report: the snapshots of a run and samples of one of its checkpoints, as a Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.parameters import SamplingOptions
from flows.reporting.samples import sample_rows, snapshot_rows
from flows.storage import reports
from flows.storage.canonical import identity
from flows.storage.open_run import OpenRun
from flows.storage.reports import Row, SharedValues


def report_identity(run_id: str, digest: str, sampling: SamplingOptions) -> str:
    """Name of a report: equal for equal checkpoint and options."""
    options = sampling.model_dump(mode="json")
    return identity([reports.report_format, run_id, digest, options])


def sample_into_report(opened: OpenRun, digest: str, sampling: SamplingOptions) -> tuple[str, bool]:
    """Id of the report about a checkpoint, and whether it is new: one that exists is kept."""
    report_id = report_identity(opened.run_id, digest, sampling)
    if reports.complete(opened.store, opened.model, report_id):
        return report_id, False
    shared = SharedValues(
        report_id=report_id,
        model=opened.model,
        run_id=opened.run_id,
        dataset_id=opened.run.dataset_id,
        created_at=datetime.now(UTC),
    )
    reports.save(opened.store, shared, _rows(opened, digest, sampling))
    return report_id, True


def _rows(opened: OpenRun, digest: str, sampling: SamplingOptions) -> list[Row]:
    """Snapshots from the log, then samples of the checkpoint."""
    record = opened.log.record(digest)
    payload, first_token = opened.log.read(record), int(opened.split.training[0])
    rows = snapshot_rows(opened.log.records(), record.iteration)
    return [*rows, *sample_rows(payload, digest, sampling, first_token)]
