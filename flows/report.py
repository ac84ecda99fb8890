"""The `report` flow: let a checkpoint write samples, and keep them as a Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows import artifacts
from flows.outcome import ReportOutcome, report_outcome
from flows.parameters import ModelName, RunId, Sampling, SamplingOptions, StoreUrl, default_store
from flows.references import CheckpointRef, ReportRef, RunRef
from flows.retries import retried
from flows.run_names import numbered
from flows.samples import sample_rows, snapshot_rows
from flows.storage import reports
from flows.storage.canonical import identity
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, newest_run
from flows.storage.exceptions import DamagedObject, UnknownObject
from flows.storage.files import Store, open_store
from flows.storage.open_run import OpenRun, open_run
from flows.storage.registry import Registry
from flows.storage.runs import load_run


@task(
    task_run_name="find the checkpoint of {model} to report on",
    cache_policy=NO_CACHE,
    persist_result=False,
    **retried,
)
def find_checkpoint(store: str, model: str, run_id: str | None) -> CheckpointRef:
    """The newest checkpoint of a run; by default the champion's, or the run's trained last."""
    target = open_store(store)
    problems: list[DamagedObject] = []
    run_id, found = _choose(target, model, run_id, problems)
    for problem in problems:
        get_run_logger().warning("%s; passed over", problem)
    if found is None:
        raise UnknownObject(
            f"run {run_id} of model {model} has no sound checkpoint: train it first"
        )
    run = RunRef(
        store=store,
        model=model,
        run_id=run_id,
        dataset_id=load_run(target, model, run_id).dataset_id,
        corpus=found.corpus,
    )
    return CheckpointRef(run=run, iteration=found.iteration, digest=found.digest)


def _choose(
    store: Store, model: str, run_id: str | None, problems: list[DamagedObject]
) -> tuple[str, CheckpointRecord | None]:
    """The run to report on, and its checkpoint if it has a sound one."""
    if run_id is None:
        if champion := Registry(store, model).champion(problems):
            return champion.version.run_id, champion.record
        run_id = newest_run(store, model)
    newest = CheckpointLog(store, model, run_id).newest(problems)
    return run_id, newest.record if newest else None


@task(
    task_run_name="let iteration {checkpoint.iteration} write samples",
    cache_policy=NO_CACHE,
    persist_result=False,
    **retried,
)
def write_report(checkpoint: CheckpointRef, sampling: SamplingOptions) -> ReportRef:
    """Draw the samples of a checkpoint and write them; a report that is there is not made again."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    store = open_store(run.store)
    shared = reports.SharedValues(
        report_id=report_identity(checkpoint, sampling),
        model=run.model,
        run_id=run.run_id,
        dataset_id=run.dataset_id,
        created_at=datetime.now(UTC),
    )
    is_new = not reports.complete(store, run.model, shared.report_id)
    if is_new:
        reports.save(store, shared, _rows(opened, checkpoint, sampling))
    problems: list[DamagedObject] = []
    table = reports.load(store, run.model, shared.report_id, problems)
    for problem in problems:
        get_run_logger().warning("%s; passed over", problem)
    url = store.location(reports.report_path(run.model, shared.report_id))
    artifacts.show_samples(run.model, table)
    sentence = "report %s: %d rows in %s" if is_new else "report %s is there: %d rows in %s"
    get_run_logger().info(sentence, shared.report_id, table.num_rows, url)
    return ReportRef(store=run.store, report_id=shared.report_id, url=url, rows=table.num_rows)


def report_identity(checkpoint: CheckpointRef, sampling: SamplingOptions) -> str:
    """Name of a report: equal for equal checkpoint and options."""
    options = sampling.model_dump(mode="json")
    return identity([reports.report_format, checkpoint.run.run_id, checkpoint.digest, options])


def _rows(
    opened: OpenRun, checkpoint: CheckpointRef, sampling: SamplingOptions
) -> list[reports.Row]:
    """Snapshots from the log, then samples of the checkpoint."""
    payload = opened.log.read(opened.log.record(checkpoint.digest))
    first_token = int(opened.split.training[0])
    rows = snapshot_rows(opened.log.records(), checkpoint.iteration)
    return [*rows, *sample_rows(payload, checkpoint.digest, sampling, first_token)]


@flow(flow_run_name=numbered("report"), persist_result=False)
def report(
    model: ModelName = "default",
    run_id: RunId = None,
    sampling: Sampling = SamplingOptions(),
    store: StoreUrl = default_store,
) -> ReportOutcome:
    """Write a report of samples from a model's champion, or from a run's newest checkpoint.

    Args:
        model: Name of the model: 1 to 64 of a-z, 0-9 and -, starting with a letter or digit
        run_id: Run to take the checkpoint from, 16 hexadecimal digits as in models/<model>/runs;
            the champion's if not given
        sampling: The samples of the report
        store: Folder or fsspec URL where datasets, checkpoints and reports are kept
    """
    checkpoint = find_checkpoint(store, model, run_id)
    return report_outcome(checkpoint, write_report(checkpoint, sampling))


if __name__ == "__main__":
    from flows.command_line import main

    main(report)
