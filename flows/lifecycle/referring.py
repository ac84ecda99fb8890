"""References to work, runs and checkpoints, made from what was found in the store."""

from __future__ import annotations

from flows.lifecycle.schedule import Schedule
from flows.lifecycle.work import Work
from flows.references import AnswerRef, CheckpointRef, DatasetRef, RunRef, VersionRef, WorkRef
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.open_run import OpenRun
from flows.storage.registry import Decision, Registry
from flows.storage.stores import Store


def work_reference(dataset: DatasetRef, model: str, store: Store, work: Work) -> WorkRef:
    """The reference to what a request on a dataset comes to."""
    run = RunRef(
        store=dataset.store,
        model=model,
        run_id=work.run.run_id,
        dataset_id=dataset.dataset_id,
        corpus=dataset.corpus,
    )
    return WorkRef(
        run=run,
        parent=work.run.parent,
        starts_from=work.starts_from,
        vocabulary_size=len(work.vocabulary),
        iterations_per_epoch=work.schedule.per_epoch,
        goal=work.schedule.goal,
        checkpoint_every=work.schedule.checkpoint_every,
        evaluate_every=work.schedule.evaluate_every,
        round_iterations=work.schedule.round,
        is_done=work.is_done,
        answer=_answer(run, store, work),
    )


def _answer(run: RunRef, store: Store, work: Work) -> AnswerRef | None:
    """The reference to the decision that answers."""
    if work.answer is None:
        return None
    version = work.answer.version
    path = CheckpointLog(store, run.model, run.run_id).payload_path(version.digest)
    champion = next(Registry(store, run.model).history().champions(), None)
    return AnswerRef(
        version=version_reference(Decision(work.answer.number, version, champion, is_new=False)),
        checkpoint=CheckpointRef(
            run=run,
            iteration=version.iteration,
            digest=version.digest,
            url=store.location(path),
            characters_per_second=None,
        ),
        held_out_bits_per_character=version.bits_per_character,
    )


def schedule_of_work(work: WorkRef) -> Schedule:
    """The schedule that a reference carries."""
    return Schedule(
        work.iterations_per_epoch,
        work.goal,
        work.checkpoint_every,
        work.evaluate_every,
        work.round_iterations,
    )


def run_reference(store: str, opened: OpenRun, corpus: tuple[str, ...]) -> RunRef:
    """The reference to a run in the store at URL `store`."""
    return RunRef(
        store=store,
        model=opened.model,
        run_id=opened.run_id,
        dataset_id=opened.run.dataset_id,
        corpus=corpus,
    )


def checkpoint_reference(
    run: RunRef,
    opened: OpenRun,
    record: CheckpointRecord,
    *,
    is_last: bool = False,
    is_stopped: bool = False,
) -> CheckpointRef:
    """The reference to a checkpoint of `run`; `is_last` if training ends there, `is_stopped` if it
    was stopped.
    """
    return CheckpointRef(
        run=run,
        iteration=record.iteration,
        digest=record.digest,
        url=opened.store.location(opened.log.payload_path(record.digest)),
        characters_per_second=record.characters_per_second,
        is_last=is_last,
        is_stopped=is_stopped,
    )


def version_reference(decided: Decision) -> VersionRef:
    """The reference to a decision."""
    version = decided.version
    return VersionRef(
        number=decided.number,
        decision="rolled_back" if decided.is_rolled_back else version.decision,
        reason=version.reason,
        champion=decided.champion,
        champion_bits_per_character=version.champion_bits_per_character,
        warnings=version.warnings,
        is_new=decided.is_new,
        copied={
            length: (found.samples, found.held_out_text) for length, found in version.copied.items()
        },
    )
