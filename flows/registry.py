"""The `registry` flow: a model's versions, by hand: list, show, promote, roll back, draw, export.

Its command answers without Prefect: flows/command_line/registry.py.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports, which are not needed
    from flows.command_line import main

    main("registry")

from flows import dry_run
from flows.parameters import (
    CheckpointDigest,
    DatasetId,
    ExportFolder,
    ModelName,
    Reason,
    RegistryAction,
    ReportId,
    RunOfOrigin,
    SingleWriter,
    StoreUrl,
    VersionNumber,
    default,
)
from flows.registry_results import Answer
from flows.runtime.decorators import flow
from flows.runtime.interruption import OrCancelled
from flows.runtime.outcome import completed
from flows.runtime.run_names import of_action
from flows.tasks.answer_request import answer_request
from flows.tasks.publish_model_page import publish_model_page


@flow(run_name=of_action, dry_run=(dry_run.registry,))
def registry(
    action: RegistryAction = default(RegistryAction),
    model: ModelName = default(ModelName),
    version: VersionNumber = default(VersionNumber),
    reason: Reason = default(Reason),
    report: ReportId = default(ReportId),
    run_id: RunOfOrigin = default(RunOfOrigin),
    checkpoint: CheckpointDigest = default(CheckpointDigest),
    dataset: DatasetId = default(DatasetId),
    folder: ExportFolder = default(ExportFolder),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> OrCancelled[Answer]:
    """List a model's versions, show where one comes from, promote or roll back, draw its page, export.

    The answer is in the log of the run, and the model's page is drawn again where it has versions.
    """
    found = answer_request(
        {
            "action": action,
            "model": model,
            "version": version,
            "reason": reason,
            "report": report,
            "run_id": run_id,
            "checkpoint": checkpoint,
            "dataset": dataset,
            "folder": folder,
            "store": store,
            "single_writer": single_writer,
        }
    )
    if action != "tables":  # which a model without a decision has too
        publish_model_page(store, model)
    return completed(found, found.outcome, found.sentence)
