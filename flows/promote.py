"""Promotion: a checkpoint becomes its model's champion if it reads held-out text better."""

from __future__ import annotations

from functools import partial

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.references import CheckpointRef, VersionRef
from flows.retries import retried
from flows.storage.checkpoints import Evaluation
from flows.storage.exceptions import CorpusError, DamagedObject
from flows.storage.files import open_store
from flows.storage.open_run import open_run
from flows.storage.payload import Payload
from flows.storage.registry import Champion, Registry, Version
from rnncore import bits_per_character


@task(
    task_run_name="decide on iteration {checkpoint.iteration}",
    cache_policy=NO_CACHE,
    persist_result=False,
    **retried,
)
def promote_checkpoint(checkpoint: CheckpointRef, measured: Evaluation) -> VersionRef:
    """Promote or reject a checkpoint; what was decided of it once stands."""
    run = checkpoint.run
    problems: list[DamagedObject] = []
    decided = Registry(open_store(run.store), run.model).decide(
        run.run_id, checkpoint.digest, partial(judge, checkpoint, measured), problems
    )
    number, version = decided.number, decided.version
    logger = get_run_logger()
    for problem in problems:
        logger.warning("%s; deciding without it", problem)
    logger.info("version %d %s: %s", number, version.decision, version.reason)
    return VersionRef(
        number=number,
        decision=version.decision,
        reason=version.reason,
        champion=decided.champion,
    )


def judge(checkpoint: CheckpointRef, measured: Evaluation, champion: Champion | None) -> Version:
    """What to decide of a checkpoint, beside the champion there is."""
    own = measured.held_out_bits_per_character
    theirs: float | None = None
    better = True
    if champion is None:
        reason = "there was no champion"
    elif own is None:
        reason = "nothing is held out to compare on"
    else:
        try:
            theirs = _held_out_bits(champion.payload, checkpoint)
        except CorpusError:
            reason = f"version {champion.number} never saw some characters of the held-out text"
        else:
            better = own < theirs
            reason = (
                f"{own:.3f} bits per character on the held-out text,"
                f" version {champion.number} has {theirs:.3f}"
            )
    return Version(
        decision="promoted" if better else "rejected",
        reason=reason,
        run_id=checkpoint.run.run_id,
        iteration=checkpoint.iteration,
        digest=checkpoint.digest,
        bits_per_character=own,
        champion=champion.number if champion else None,
        champion_bits_per_character=theirs,
    )


def _held_out_bits(champion: Payload, checkpoint: CheckpointRef) -> float:
    """Bits per character of a champion on the text that was held out from the checkpoint."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    text = opened.vocabulary.decode(opened.split.held_out)
    return bits_per_character(champion.state.parameters, champion.vocabulary.encode(text))
