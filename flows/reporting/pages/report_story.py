"""The story of a report: its samples, those of champions before, and where its checkpoint comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, ParamSpec, TypeVar

import pyarrow as pa

from flows.exceptions import DamagedObject, NewerFormat, ObjectMissing, UnknownObject
from flows.reporting.pages.excerpt import Excerpt, Sample, excerpt_of
from flows.reporting.pages.summary_of_rows import Summary, summaries_of_rows
from flows.reporting.story import Night, night_of
from flows.storage import datasets, reports
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.profiles import Profile, find_profile
from flows.storage.registry import Registry
from flows.storage.report_files import sample_paths, summary_path
from flows.storage.runs import Run, load_run
from flows.storage.stores import Store
from flows.storage.versions import Entry, History

P = ParamSpec("P")
Found = TypeVar("Found")

most_versions = 5  # that samples are compared over, the report's own too
most_champions = 12  # the last ones, of which reports are looked for
most_tried = 2  # reports of a champion, until one has the same options
most_compared = 32 << 20  # bytes of a report that is read for comparison alone
most_ancestors = 20


class Told(NamedTuple):
    """A sample of each temperature by one version, with the random numbers of the report's own."""

    name: str
    samples: Mapping[float, Sample]


class ReportStory(NamedTuple):
    """A report as its page shows it. What was removed since, or cannot be read, is None or empty."""

    store: Store
    model: str
    report_id: str
    first: Mapping[str, Any]  # the values of a row that all rows share
    files: Sequence[str]  # paths in the store
    samples: int
    excerpt: Excerpt
    versions: Sequence[Told]
    summaries: Sequence[Summary]
    records: Sequence[CheckpointRecord]  # of the run
    checkpoint: CheckpointRecord | None
    run: Run | None
    decision: Night | None
    ancestors: Sequence[Entry]  # the version that the run started from, and so on
    profile: Profile | None
    characters: Sequence[str]  # of the dataset

    @property
    def entropies(self) -> Mapping[int, float]:
        """Of the text, by order."""
        return self.profile.bits_by_order if self.profile else {}


def report_story(store: Store, model: str, report_id: str) -> ReportStory:
    """The story of a report; `UnknownObject` for one that is not in the store."""
    run_id, digest = reports.checkpoint_of(store, model, report_id)
    table = next(reports.parts(store, model, report_id))
    excerpt, history = excerpt_of(table), Registry(store, model).history()
    first = {name: table[name][-1].as_py() for name in table.column_names if table.num_rows}
    summaries = _summaries(store, model, report_id, table)
    run = if_readable(load_run, store, model, run_id)
    records = if_readable(CheckpointLog(store, model, run_id).records) or []
    entry = history.about(run_id, digest)
    dataset_id = str(first.get("dataset_id", ""))
    return ReportStory(
        store=store,
        model=model,
        report_id=report_id,
        first=first | {"run_id": run_id, "checkpoint_digest": digest},
        files=_files(store, model, report_id),
        samples=sum(row["samples"] for row in summaries),
        excerpt=excerpt,
        versions=list(_versions(store, model, history, excerpt, (run_id, digest))),
        summaries=summaries,
        records=records,
        checkpoint=next((found for found in records if found.digest == digest), None),
        run=run,
        decision=night_of(history, entry) if entry else None,
        ancestors=list(islice(_ancestors(history, run, entry), most_ancestors)),
        profile=if_readable(find_profile, store, dataset_id),
        characters=_characters(store, dataset_id),
    )


def _summaries(store: Store, model: str, report_id: str, table: pa.Table) -> list[Summary]:
    """The report's own, or what its rows give where it has none that can be read."""
    try:
        found: list[Summary] = reports.load_summary(store, model, report_id).to_pylist()
    except (ObjectMissing, DamagedObject, NewerFormat):
        return summaries_of_rows(table)
    return sorted(found, key=lambda row: row["temperature"])


def _files(store: Store, model: str, report_id: str) -> list[str]:
    """Paths of its samples and of its summary."""
    paths = [*sample_paths(store, model, report_id), summary_path(store, model, report_id)]
    return [path for path in paths if path]


def if_readable(read: Callable[P, Found], *arguments: P.args, **named: P.kwargs) -> Found | None:
    """What `read` returns; None where it is gone, corrupt, or of a newer program."""
    try:
        return read(*arguments, **named)
    except (UnknownObject, DamagedObject, NewerFormat):
        return None


def _first_of_each(excerpt: Excerpt) -> dict[float, Sample]:
    """The first sample at each temperature, of the first priming text and seed."""
    return {at: some[0] for at, some in excerpt.groups[0].samples.items()} if excerpt.groups else {}


def _versions(
    store: Store,
    model: str,
    history: History,
    excerpt: Excerpt,
    own: tuple[str, str],
) -> Iterator[Told]:
    """The report's own version, then the last champions whose reports drew the same samples."""
    entry = history.about(*own)
    yield Told(f"version {entry.number}" if entry else "this checkpoint", _first_of_each(excerpt))
    wanted, seen, found = _first_of_each(excerpt), {own}, 1
    known = _reports_by_checkpoint(store, model)
    for entry in islice(history.reigned(), most_champions):
        about = entry.version.run_id, entry.version.digest
        if about in seen or found == most_versions:
            continue
        seen.add(about)
        drawn = (
            _same_draws(store, model, name, wanted) for name in known.get(about, ())[:most_tried]
        )
        if same := next(filter(None, drawn), None):
            found += 1
            yield Told(f"version {entry.number}", same)


def _reports_by_checkpoint(store: Store, model: str) -> dict[tuple[str, str], list[str]]:
    """Ids of reports by run and checkpoint, the newest first; but for those too large to compare."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in reports.manifests(store, model)[::-1]:
        if one.run_id and one.checkpoint_digest and one.size <= most_compared:
            names = found.setdefault((one.run_id, one.checkpoint_digest), [])
            if one.report_id not in names:
                names.append(one.report_id)
    return found


def _same_draws(
    store: Store, model: str, report_id: str, wanted: Mapping[float, Sample]
) -> dict[float, Sample]:
    """What another report drew with the random numbers and options of the wanted samples."""
    table = if_readable(lambda: next(reports.parts(store, model, report_id)))
    if table is None:
        return {}
    others = {sample.draw: sample for sample in _first_of_each(excerpt_of(table)).values()}
    return {at: others[mine.draw] for at, mine in wanted.items() if mine.draw in others}


def _ancestors(history: History, run: Run | None, own: Entry | None) -> Iterator[Entry]:
    """The newest version of the checkpoint that a run started from, then the one before, and so on."""
    digest = run.parent if run else own.version.parent if own else None
    by_digest: dict[str, Entry] = {}
    for entry in history.entries:
        if entry.version.decision != "rolled_back":
            by_digest.setdefault(entry.version.digest, entry)
    while digest in by_digest:
        entry = by_digest.pop(digest)  # records may be forged: no circle
        yield entry
        digest = entry.version.parent


def _characters(store: Store, dataset_id: str) -> Sequence[str]:
    vocabulary = if_readable(datasets.load_vocabulary, store, dataset_id)
    return vocabulary.characters if vocabulary else ()
