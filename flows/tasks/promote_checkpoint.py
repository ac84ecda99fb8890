"""Task: decide whether a checkpoint becomes its model's champion."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.promotion import Case, Judging, promote_or_reject
from flows.lifecycle.referring import version_reference
from flows.references import MeasuredRef, ReportRef, VersionRef, WorkRef
from flows.runtime.decorators import task
from flows.storage import reports
from flows.storage.open_run import open_run
from flows.storage.versions import Finding


@task("promote or reject checkpoint {measured.checkpoint.iteration}")
def promote_checkpoint(
    work: WorkRef,
    measured: MeasuredRef,
    judging: Judging,
    findings: tuple[Finding, ...],
    report: ReportRef,
) -> VersionRef:
    """Promote or reject a checkpoint; a decision stands while the champion is the same."""
    run = work.run
    opened = open_run(run.store, run.model, run.run_id)
    case = Case.of(
        opened,
        measured.checkpoint.digest,
        run.corpus,
        work.goal,
        judging,
        findings,
        reports.samples(opened.store, run.model, report.report_id),
    )
    decided = promote_or_reject(case)
    version = decided.version
    if decided.is_new:
        get_run_logger().info("version %d %s: %s", decided.number, version.decision, version.reason)
    for warning in version.warnings if decided.is_new else ():
        get_run_logger().warning("version %d: %s", decided.number, warning)
    return version_reference(decided)
