"""Evaluation: how well a checkpoint reads text that it never saw, and text that it did."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.references import CheckpointRef
from flows.retries import retried
from flows.storage.checkpoints import Evaluation
from flows.storage.open_run import open_run
from rnncore import bits_per_character

shortest_training_sample = 100_000  # characters of the training text, or all where it has fewer


@task(
    task_run_name="evaluate at iteration {checkpoint.iteration}",
    cache_policy=NO_CACHE,
    persist_result=False,
    **retried,
)
def evaluate_checkpoint(checkpoint: CheckpointRef) -> Evaluation:
    """Bits per character on the held-out text, and on as much of the training text."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    if known := opened.log.evaluation(checkpoint.digest):
        return known
    parameters = opened.log.read(opened.log.record(checkpoint.digest)).state.parameters
    training, held_out = opened.split
    sample = training[: max(len(held_out), shortest_training_sample)]
    return opened.log.add_evaluation(
        Evaluation(
            iteration=checkpoint.iteration,
            digest=checkpoint.digest,
            train_bits_per_character=bits_per_character(parameters, sample),
            held_out_bits_per_character=(
                bits_per_character(parameters, held_out) if len(held_out) else None
            ),
        )
    )
