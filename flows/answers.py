"""What the `registry` flow and its command answer, from the store alone: without Prefect."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flows.exceptions import OptionConflict, StorageError
from flows.lifecycle import choosing
from flows.lifecycle.lineage import Subject, lineage
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
from flows.registry_results import (
    Answer,
    ChoiceResult,
    ExportResult,
    LineageResult,
    ListedVersion,
    PageResult,
    TablesResult,
    VersionsResult,
)
from flows.reporting.exports.export import export_version
from flows.reporting.pages.index_page import write_index, write_pages
from flows.reporting.pages.model_page import write_page
from flows.storage.registry import Decision, Registry
from flows.storage.stores import Store, check_store, open_store
from flows.storage.versions import Entry, History

logger = logging.getLogger(__name__)

# The options of each action, besides the model and the store.
options_of: dict[str, tuple[str, ...]] = {
    "list": (),
    "show": ("version", "report", "run_id", "checkpoint", "dataset"),
    "promote": ("version", "reason"),
    "rollback": ("version", "reason"),
    "page": (),
    "export": ("version", "folder"),
    "tables": (),
}


def answer(
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
    *,
    dry_run: bool = False,
) -> Answer:
    """Answer one request; what is refused leaves nothing in the store."""
    asked = {
        "version": version,
        "reason": reason or None,
        "report": report,
        "run_id": run_id,
        "checkpoint": checkpoint,
        "dataset": dataset,
        "folder": folder,
    }
    check_options(action, asked)
    opened = open_store(store)
    if action == "list":
        return list_versions(opened, model)
    if action == "show":
        subject = Subject(**{name: asked[name] for name in options_of["show"]})
        return LineageResult(lineage=lineage(opened, model, subject))
    if action in {"promote", "rollback"}:
        registry = Registry(opened, model)
        draft = choosing.rollback(registry, version, reason)
        if action == "promote" and version is not None:
            draft = choosing.promotion(registry, version, reason)
        return _decide(registry, draft, single_writer=single_writer, dry_run=dry_run)
    return _write(action, opened, model, version, folder, dry_run=dry_run)


def check_options(action: str, asked: Mapping[str, object]) -> None:
    """Refuse options that an action does not take, takes one at a time, or misses."""
    taken, given = options_of[action], [name for name, value in asked.items() if value is not None]
    if others := [name for name in given if name not in taken]:
        raise OptionConflict(
            f"{action} takes no --{others[0]}: its options are"
            f" {', '.join(f'--{name}' for name in taken) or '--model and --store alone'}"
        )
    if action == "show" and len(given) > 1:
        raise OptionConflict(f"show takes one of --{' and --'.join(given)}, not both")
    if action == "promote" and asked["version"] is None:
        raise OptionConflict("promote needs --version: list shows the versions")


def list_versions(store: Store, model: str) -> VersionsResult:
    """The versions of a model, oldest first; `UnknownObject` for a model without any."""
    registry = Registry(store, model)
    history = registry.history()
    registry.refuse_empty(history)
    champion = next(history.champions(), None)
    entries = [e for e in reversed(history.entries) if e.version.decision != "rolled_back"]
    return VersionsResult(versions=tuple(_listed(entry, history, champion) for entry in entries))


def _write(
    action: str,
    store: Store,
    model: str,
    version: int | None,
    folder: str | None,
    *,
    dry_run: bool,
) -> PageResult | ExportResult | TablesResult:
    """Write what is drawn from the store: a page, an export or tables."""
    if action == "page":
        return PageResult(
            model=model,
            page_url=write_page(store, model, dry_run=dry_run),
            index_url=write_index(store, dry_run=dry_run),
        )
    if action == "export":
        found = export_version(store, model, version, folder, dry_run=dry_run)
        return ExportResult(model=model, **found._asdict())
    from flows.reporting.training_tables import write_tables  # pyarrow is slow to import

    return TablesResult(model=model, **write_tables(store, model, dry_run=dry_run)._asdict())


def _decide(
    registry: Registry, draft: choosing.Draft, *, single_writer: bool, dry_run: bool
) -> ChoiceResult:
    """Append a decision by hand."""
    decided = choosing.preview(registry, draft)
    if not dry_run:
        check_store(registry.store, single_writer=single_writer)
        decided = registry.append(draft)
        _draw_pages(registry.store, registry.model)
    return _choice(registry.model, decided)


def _draw_pages(store: Store, model: str) -> None:
    """Draw what a decision changes; the decision stands where that fails."""
    try:
        write_pages(store, model)
    except StorageError as error:
        logger.warning("the decision stands, but its pages were not drawn: %s", error)


def _listed(entry: Entry, history: History, champion: int | None) -> ListedVersion:
    number, time, version = entry
    return ListedVersion(
        version=number,
        champion=number == champion,
        run_id=version.run_id,
        checkpoint_digest=version.digest,
        bits_per_character=version.bits_per_character,
        decision="rolled_back" if number in history.rolled_back else version.decision,
        reason=version.reason,
        time=time,
    )


def _choice(model: str, decided: Decision) -> ChoiceResult:
    version = decided.version
    promoted = version.decision == "promoted"
    return ChoiceResult(
        model=model,
        decision="promoted" if promoted else "rolled_back",
        version=decided.number if promoted else None,
        champion=version.champion_now,
        champion_before=version.champion,
        run_id=version.run_id,
        checkpoint_digest=version.digest,
        reason=version.reason,
        note=version.note,
    )
