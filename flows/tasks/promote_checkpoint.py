"""Task: decide whether a checkpoint becomes its model's champion."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.promotion import promote_or_reject
from flows.references import CheckpointRef, VersionRef
from flows.runtime.decorators import task
from flows.storage.checkpoints import EvaluationRecord
from flows.storage.open_run import open_run


@task("promote or reject checkpoint {checkpoint.iteration}")
def promote_checkpoint(checkpoint: CheckpointRef, measured: EvaluationRecord) -> VersionRef:
    """Promote or reject a checkpoint; an earlier decision about it is kept."""
    run = checkpoint.run
    decided = promote_or_reject(open_run(run.store, run.model, run.run_id), measured)
    number, version = decided.number, decided.version
    get_run_logger().info("version %d %s: %s", number, version.decision, version.reason)
    return VersionRef(
        number=number,
        decision=version.decision,
        reason=version.reason,
        champion=decided.champion,
        champion_bits_per_character=version.champion_bits_per_character,
    )
