"""Task: decide whether a checkpoint becomes its model's champion."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.opening import opened_run
from flows.lifecycle.promotion import promote_or_reject
from flows.references import CheckpointRef, VersionRef
from flows.runtime.decorators import task
from flows.storage.checkpoints import EvaluationRecord


@task("promote or reject checkpoint {checkpoint.iteration}")
def promote_checkpoint(checkpoint: CheckpointRef, measured: EvaluationRecord) -> VersionRef:
    """Promote or reject a checkpoint; an earlier decision about it stands."""
    decided = promote_or_reject(opened_run(checkpoint.run), measured)
    number, version = decided.number, decided.version
    get_run_logger().info("version %d %s: %s", number, version.decision, version.reason)
    return VersionRef(
        number=number,
        decision=version.decision,
        reason=version.reason,
        champion=decided.champion,
        champion_bits_per_character=version.champion_bits_per_character,
    )
