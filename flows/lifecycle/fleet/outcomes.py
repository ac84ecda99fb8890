"""What came of each model of a fleet, as the store has it, and what came of them all."""

from __future__ import annotations

from collections.abc import Sequence

from flows.exceptions import RunCancelled
from flows.references import ModelOutcome, ModelRow, OutcomeRef
from flows.storage.checkpoints import CheckpointLog
from flows.storage.registry import Registry
from flows.storage.stores import Store, open_store
from flows.storage.versions import Entry
from flows.visible import visible


def outcome_of(
    store: Store,
    row: ModelRow,
    entry: Entry,
    outcome: ModelOutcome,
    seconds: float,
    flow_run_id: str | None = None,
) -> OutcomeRef:
    """The outcome of a model about which a decision was made, now or before."""
    version, is_new = entry.version, outcome != "unchanged"
    log = CheckpointLog(store, row.model, version.run_id)
    retired = log.retired()
    return OutcomeRef(
        model=row.model,
        place=row.place,
        outcome=outcome,
        version=entry.number,
        decision=version.decision,
        reason=version.reason,
        held_out_bits_before=version.champion_bits_per_character if is_new else None,
        held_out_bits_after=version.bits_per_character,
        gain=version.gain if is_new else None,
        warnings=version.warnings if is_new else (),
        seconds=seconds,
        characters=version.characters,
        bytes=sum(record.size for record in log.records() if record.digest not in retired),
        run_id=version.run_id,
        checkpoint_digest=version.digest,
        dataset_id=version.dataset_id,
        flow_run_id=flow_run_id,
    )


def outcome_of_version(
    store_url: str,
    row: ModelRow,
    version: int,
    outcome: ModelOutcome,
    seconds: float,
    flow_run_id: str,
) -> OutcomeRef:
    """The outcome of a model that was retrained, from the decision of that number."""
    store = open_store(store_url)
    entry = Registry(store, row.model).entry(version)
    return outcome_of(store, row, entry, outcome, seconds, flow_run_id)


def unfinished(row: ModelRow, error: BaseException | None, why: str = "") -> OutcomeRef:
    """The outcome of a model about which nothing was decided, and why: by an error, or cancelled."""
    kind: ModelOutcome = "failed"
    if error is None or isinstance(error, RunCancelled):
        kind = "cancelled"
    return OutcomeRef(
        model=row.model,
        place=row.place,
        outcome=kind,
        error=why or visible(str(error)) or type(error).__name__,
        seconds=getattr(error, "seconds", 0.0),
        flow_run_id=getattr(error, "flow_run_id", None),
    )


def with_the_rest(
    rows: Sequence[ModelRow], found: Sequence[OutcomeRef], why: str
) -> list[OutcomeRef]:
    """The outcomes in the order of the table; models without one were not reached."""
    known = {outcome.model: outcome for outcome in found}
    return [known.get(row.model) or unfinished(row, None, why) for row in rows]
