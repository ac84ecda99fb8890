"""Task: measure how well a checkpoint predicts text."""

from __future__ import annotations

from flows.lifecycle.evaluation import evaluate
from flows.lifecycle.opening import opened_run
from flows.references import CheckpointRef
from flows.runtime.decorators import task
from flows.storage.checkpoints import EvaluationRecord


@task("evaluate checkpoint {checkpoint.iteration}")
def evaluate_checkpoint(checkpoint: CheckpointRef) -> EvaluationRecord:
    """Bits per character on the held-out text, and on as much of the training text."""
    return evaluate(opened_run(checkpoint.run), checkpoint.digest)
