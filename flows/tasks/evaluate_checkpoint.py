"""Task: measure how well a checkpoint predicts text."""

from __future__ import annotations

from flows.lifecycle.evaluation import evaluate
from flows.references import CheckpointRef
from flows.runtime.decorators import task
from flows.storage.checkpoints import EvaluationRecord
from flows.storage.open_run import open_run


@task("evaluate checkpoint {checkpoint.iteration}")
def evaluate_checkpoint(checkpoint: CheckpointRef) -> EvaluationRecord:
    """Bits per character on the held-out text, and on as much of the training text."""
    run = checkpoint.run
    return evaluate(open_run(run.store, run.model, run.run_id), checkpoint.digest)
