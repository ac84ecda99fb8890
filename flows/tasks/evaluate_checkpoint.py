"""Task: measure how well a run's checkpoints predict text, and find the best."""

from __future__ import annotations

from flows.lifecycle.evaluation import best_checkpoint, evaluate
from flows.lifecycle.referring import checkpoint_reference, schedule_of_work
from flows.references import CheckpointRef, MeasuredRef, WorkRef
from flows.runtime.decorators import task
from flows.storage.open_run import open_run


@task("evaluate checkpoint {end.iteration}")
def evaluate_checkpoint(work: WorkRef, end: CheckpointRef, most: int) -> MeasuredRef:
    """The best checkpoint of a run that ends at `end`, by bits per character on the held-out text.

    At most `most` characters are read, and as many of the training text.
    """
    run = end.run
    opened = open_run(run.store, run.model, run.run_id)
    best = best_checkpoint(opened, schedule_of_work(work), most)
    measured = evaluate(opened, best.digest, most)
    return MeasuredRef(
        checkpoint=checkpoint_reference(run, opened, best),
        train_bits_per_character=measured.train_bits_per_character,
        held_out_bits_per_character=measured.held_out_bits_per_character,
    )
