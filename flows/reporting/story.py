"""The story of a model: every decision about it, who was champion after it, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from flows.exceptions import DamagedObject, NewerFormat, UnknownObject
from flows.reporting.addresses import report_pages_folder
from flows.storage.profiles import entropies_of
from flows.storage.registry import Registry
from flows.storage.runs import load_run
from flows.storage.stores import Store
from flows.storage.usage import Usage
from flows.storage.versions import Entry, History


class Night(NamedTuple):
    """A decision, what holds of it now, and the champion after it."""

    entry: Entry
    decision: Literal["promoted", "rejected", "rolled_back"]
    champion: int | None
    champion_bits: float | None  # per character, on the held-out text of its own run

    @property
    def time(self) -> datetime:
        """When it was decided, in UTC."""
        return datetime.fromisoformat(self.entry.time)

    @property
    def remarks(self) -> list[str]:
        """The reason, the note of a person, and what was warned of."""
        version = self.entry.version
        note = [f"note: {version.note}"] if version.note else []
        warnings = [f"warning: {warning}" for warning in version.warnings]
        gates = [
            f"gate {found.gate}: {found.value:.4g}, bound {found.bound:.4g} ({found.action})"
            for found in version.findings
        ]
        return [version.reason, *note, *warnings, *gates]


class Story(NamedTuple):
    """A model as its page shows it."""

    model: str
    store: str  # public URL
    nights: Sequence[Night]  # newest first
    champion: Entry | None
    usage: Usage
    entropies: Mapping[int, float]  # of the champion's text, by order; none if not measured
    reports: Mapping[tuple[str, str], str]  # with a page: the newest by run and checkpoint

    def lines(self) -> dict[str, str]:
        """What holds now, by label."""
        rows = {"champion": "none"}
        if self.champion:
            number, time, version = self.champion
            rows = {
                "champion": f"version {number} of {minute(time)}",
                "bits per character": bits(version.bits_per_character),
                "sum of losses since the last promotion by hand": bits(version.lost_bits),
                "vocabulary": f"{version.vocabulary_size or 'unknown'} characters",
                "run": version.run_id,
                "checkpoint": version.digest,
            }
        size = f"{self.usage.bytes:,} bytes in {self.usage.files:,} files"
        return {**rows, "decisions": f"{len(self.nights):,}", "disk": size, "store": self.store}


def story_of(store: Store, model: str) -> Story:
    """The story of a model that has versions; `UnknownObject` for another."""
    registry = Registry(store, model)
    history = registry.history()
    registry.refuse_empty(history)
    number = next(history.champions(), None)
    champion = None if number is None else history.get(number)
    return Story(
        model=model,
        store=store.url,
        nights=[night_of(history, entry) for entry in history.entries],
        champion=champion,
        usage=store.usage(f"models/{model}"),
        entropies=_entropies(store, model, champion) if champion else {},
        reports=reports_with_pages(store, model),
    )


def _entropies(store: Store, model: str, champion: Entry) -> dict[int, float]:
    """Those of the text that the champion was trained on, if its run is still there."""
    try:
        run = load_run(store, model, champion.version.run_id)
    except (UnknownObject, DamagedObject, NewerFormat):
        return {}
    return entropies_of(store, run.dataset_id)


def reports_with_pages(store: Store, model: str) -> dict[tuple[str, str], str]:
    """Ids of reports that have a page, the newest of each run and checkpoint, oldest first."""
    names = set(store.names(report_pages_folder(model)))
    if not names:
        return {}
    from flows.storage import reports  # pyarrow is slow to import

    return {
        (found.run_id, found.checkpoint_digest): found.report_id
        for found in reports.manifests(store, model)
        if f"{found.report_id}.html" in names and found.run_id and found.checkpoint_digest
    }


def night_of(history: History, entry: Entry) -> Night:
    """A decision, and what follows from the history for it."""
    version = entry.version
    number = version.champion_now  # as it was written; records of before do not have it
    if number is None:
        number = history.champion_after(entry.number)
    champion = None if number is None else history.get(number)
    return Night(
        entry=entry,
        decision="rolled_back" if entry.number in history.rolled_back else version.decision,
        champion=number,
        champion_bits=champion.version.bits_per_character if champion else None,
    )


def decided(night: Night) -> str:
    """A decision in words: what it was, by whom, and what became of it."""
    version = night.entry.version
    if version.decision == "rolled_back":
        return f"rolled back to version {version.to_version}"
    by_hand = " by hand" if version.decided_by == "hand" else ""
    since = ", rolled back since" if night.decision != version.decision else ""
    return f"{version.decision}{by_hand}{since}"


def minute(time: str) -> str:
    """A time as people read it."""
    return f"{time[:16].replace('T', ' ')} UTC"


def bits(found: float | None) -> str:
    """A number of bits as people read it."""
    return "-" if found is None else f"{found:.3f}"
