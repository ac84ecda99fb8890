"""The page of all models of a store: read from the newest records alone, and replaced whole."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from flows.exceptions import DamagedObject, ObjectMissing, StorageError
from flows.reporting.addresses import (
    index_path,
    model_page_path,
    relative,
    report_page_path,
    report_pages_folder,
)
from flows.reporting.pages import markup
from flows.reporting.pages.markup import Cell
from flows.reporting.pages.model_page import drawn_on, replace_page, write_page
from flows.reporting.story import bits, minute
from flows.storage.log import Log
from flows.storage.registry import Registry
from flows.storage.runs import models
from flows.storage.stores import Store
from flows.storage.versions import Entry, Version

logger = logging.getLogger(__name__)
at_once = 16  # models that are read side by side: an object store takes its time for each reply
columns = (
    *("Model", "Champion", "Bits per character", "Last decision", "Time"),
    *("Gain", "Decisions", "Disk", "Newest report"),
)


class ModelRow(NamedTuple):
    """A model in a row."""

    model: str
    decisions: int
    newest: Entry | None
    champion: Entry | None
    size: int  # bytes
    report: str | None  # the newest that has a page
    trouble: str = ""  # why it cannot be read


def write_pages(store: Store, model: str) -> str:
    """Draw the page of a model that was trained or decided about, then that of all models."""
    write_page(store, model)
    return write_index(store)


def write_index(store: Store, *, dry_run: bool = False) -> str:
    """Draw the page of all models and put it in the place of the one before; where it is."""
    if dry_run:
        return store.location(index_path)
    started, names = time.monotonic(), models(store)
    with ThreadPoolExecutor(at_once) as pool:
        rows = list(pool.map(lambda model: model_row(store, model), names))
    replace_page(store, index_path, html(store.url, rows, datetime.now(UTC)))
    seconds = time.monotonic() - started
    logger.info("page of %d models drawn in %.1f s", len(rows), seconds)
    return store.location(index_path)


def model_row(store: Store, model: str) -> ModelRow:
    """What holds of a model; one that cannot be read says why, and stops no other."""
    try:
        registry = Registry(store, model)
        listing = registry.listing()
        found = next(listing.contents("version", Version), None)
        newest = registry.entry(found[0].number) if found else None
        return ModelRow(
            model=model,
            decisions=listing.head + 1,
            newest=newest,
            champion=newest and _champion(registry, newest),
            size=store.usage(f"models/{model}").bytes,
            report=_newest_report(store, model),
            trouble="; ".join(error.reason for error in listing.damaged),
        )
    except StorageError as error:
        return ModelRow(model, 0, None, None, 0, None, str(error))


def _champion(registry: Registry, newest: Entry) -> Entry | None:
    """The champion: the newest record names it, but those of before do not, and it may be corrupt."""
    number = newest.version.champion_now
    try:
        if number is not None:
            return registry.entry(number)
    except (DamagedObject, ObjectMissing):
        pass
    history = registry.history()
    return next((found for at in history.champions() if (found := history.get(at))), None)


def _newest_report(store: Store, model: str) -> str | None:
    """The report that was written last of those that have a page."""
    names = set(store.names(report_pages_folder(model)))
    records = Log(store, f"models/{model}/reports").list_records().newest_first("report")
    ids = (str(record.content.get("report_id")) for record in records) if names else iter(())
    return next((found for found in ids if f"{found}.html" in names), None)


def html(store: str, rows: Sequence[ModelRow], now: datetime) -> bytes:
    """The whole page; whatever comes from a record or a name is escaped."""
    return markup.document("Models", _parts(store, rows, now))


def _parts(store: str, rows: Sequence[ModelRow], now: datetime) -> Iterator[str]:
    yield "<h1>Models</h1>"
    yield f"<p>{len(rows):,} in <code>{markup.text(store)}</code></p>"
    yield drawn_on(now)
    if rows:
        yield markup.table(columns, map(_cells, rows))


def _cells(row: ModelRow) -> list[str | Cell]:
    """A model as a row of the table."""
    name: str | Cell = row.model
    if row.newest:
        name = markup.link(row.model, relative(model_page_path(row.model), index_path))
    report = row.report and relative(report_page_path(row.model, row.report), index_path)
    return [
        name,
        f"version {row.champion.number}" if row.champion else "none",
        markup.number(bits(row.champion.version.bits_per_character if row.champion else None)),
        _decision(row),
        minute(row.newest.time) if row.newest else "-",
        markup.number(_gain(row.newest.version) if row.newest else "-"),
        markup.number(f"{row.decisions:,}"),
        markup.number(f"{row.size / 1e6:,.1f} MB"),
        markup.link("samples", report) if report else "-",
    ]


def _decision(row: ModelRow) -> Cell:
    """The last decision in a word, and what cannot be read."""
    trouble = markup.words(f"unreadable: {row.trouble}", "bad").html if row.trouble else ""
    decision = row.newest.version.decision if row.newest else None
    shown = markup.words(decision.replace("_", " "), decision).html if decision else ""
    return Cell("<br>".join(filter(None, (shown, trouble))) or "none yet")


def _gain(version: Version) -> str:
    """Bits per character by which the checkpoint was better than the champion of then."""
    if version.decision == "rolled_back" or version.gain is None:
        return "-"
    return f"{version.gain:+.3f}"
