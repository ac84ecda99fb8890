"""The rows of scores as tables, and what is counted of all of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from flows.reporting.scores.scorer import Scored
from flows.reporting.strings import adjacent_strings
from flows.storage.scores import (
    ScoredCheckpoint,
    SurprisingRow,
    about_score,
    most_text,
    schema,
    score_format,
)
from flows.text import Vocabulary
from flows.text.units import Indices, Points

kept_worst = 20
shown_text = 200  # characters of one of the worst rows


class LongRow(NamedTuple):
    """A row that goes on in the next batch, as far as it was scored."""

    file: int
    number: int
    offset: int
    characters: int
    scored: int
    total: float
    unknown: int
    span: tuple[float, int, str]  # nats per character, start in the row, text
    text: str


@dataclass
class Totals:
    """What is counted of all rows."""

    rows: int = 0
    characters: int = 0  # that were scored
    nats: float = 0.0
    unknown: int = 0
    surprising: int = 0
    worst: list[tuple[float, int, SurprisingRow]] = field(default_factory=list)  # a heap

    def add(self, table: pa.Table, characters: int, nats: float) -> None:
        """Count the rows of a table."""
        scores = table["nats_per_character"].to_numpy()
        order = np.argsort(-scores, kind="stable")[:kept_worst]  # NaN is last
        for place in order[~np.isnan(scores[order])].tolist():
            entry = (float(scores[place]), -self.rows - place)
            if len(self.worst) == kept_worst and entry < self.worst[0][:2]:
                break
            (row,) = table.slice(place, 1).to_pylist()
            kept = {name: row[name] for name in ("file", "number", "nats_per_character", "span")}
            surprising = SurprisingRow(**kept, text=row["text"][:shown_text])
            heapq.heappush(self.worst, (*entry, surprising))
            if len(self.worst) > kept_worst:
                heapq.heappop(self.worst)
        self.rows += len(table)
        self.characters += characters
        self.nats += nats
        self.unknown += int(table["unknown"].to_numpy().sum())
        self.surprising += int(np.count_nonzero(table["is_surprising"].to_numpy() == True))  # noqa: E712 - null is neither


class Rows:
    """Makes tables of what was scored."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        checkpoint: ScoredCheckpoint,
        score_id: str,
        created_at: datetime,
        files: list[str],
        threshold: float | None,
    ) -> None:
        self._vocabulary = vocabulary
        self._shared: dict[str, Any] = {
            "score_id": score_id,
            "schema_version": score_format,
            "model": checkpoint.model,
            "run_id": checkpoint.run_id,
            "version": checkpoint.version,
            "checkpoint_digest": checkpoint.digest,
            "created_at": created_at,
        }
        self._files = pa.array(files, pa.string())
        self._threshold = threshold
        self._long: LongRow | None = None
        self.totals = Totals()

    def tables(self, batches: Iterator[Scored]) -> Iterator[pa.Table]:
        """The rows of each batch; `totals` counts them as they are given out."""
        for scored in batches:
            first, last = 0, len(scored.counts)
            if scored.batch.done and last:
                self._long = self._added(scored, self._long)
                first = 1
                if not (scored.batch.is_open and last == 1):
                    yield self._table(self._columns_of(self._long), self._long.total)
                    self._long = None
            if scored.batch.is_open and last > first:
                self._long = self._added(scored, None, last - 1)
            last -= scored.batch.is_open
            if last > first:
                columns = self._columns(scored, slice(first, last))
                yield self._table(columns, float(scored.sums[first:last].sum()))

    def _table(self, columns: dict[str, Any], nats: float) -> pa.Table:
        counts = columns.pop("counts")
        scored = counts > 0
        means = np.full(len(counts), np.nan)
        np.divide(columns.pop("sums"), counts, out=means, where=scored)
        surprising = (
            pa.nulls(len(counts), pa.bool_())
            if self._threshold is None
            else pa.array(means > self._threshold, mask=~scored)
        )
        spans = {name: pa.array(columns[name], mask=~scored) for name in span_numbers}
        columns |= spans | {
            "nats_per_character": pa.array(means, mask=~scored),
            "is_surprising": surprising,
        }
        columns |= {
            column.name: pa.repeat(pa.scalar(self._shared[column.name], column.type), len(counts))
            for column in about_score
        }
        table = pa.table([columns[field.name] for field in schema], schema=schema)
        self.totals.add(table, int(counts.sum()), nats)
        return table

    def _columns(self, scored: Scored, some: slice) -> dict[str, Any]:
        """The columns of whole rows."""
        batch, starts = scored.batch, scored.span_starts[some]
        firsts, _, ends = batch.rows[some].T
        span_ends = np.minimum(starts + scored.span_sizes[some], ends)
        texts = np.minimum(ends, firsts + most_text)
        return {
            "file": pa.DictionaryArray.from_arrays(batch.files[some], self._files).cast(
                pa.string()
            ),
            "number": batch.numbers[some],
            "start": batch.offsets[some],
            "characters": ends - firsts,
            "counts": scored.counts[some],
            "sums": scored.sums[some],
            "unknown": scored.unknown[some],
            "span_start": starts - firsts,
            "span": self._strings(batch.points, starts, span_ends),
            "span_nats_per_character": scored.spans[some],
            "text": self._strings(batch.points, firsts, texts),
        }

    def _columns_of(self, row: LongRow) -> dict[str, Any]:
        """The same of a long row."""
        nats, start, span = row.span
        return {
            "file": self._files.take(pa.array([row.file])),
            "number": np.array([row.number]),
            "start": np.array([row.offset]),
            "characters": np.array([row.characters]),
            "counts": np.array([row.scored]),
            "sums": np.array([row.total]),
            "unknown": np.array([row.unknown]),
            "span_start": np.array([start]),
            "span": pa.array([span]),
            "span_nats_per_character": np.array([nats]),
            "text": pa.array([row.text]),
        }

    def _added(self, scored: Scored, row: LongRow | None, at: int = 0) -> LongRow:
        """What is known of a long row after its part in row `at` of a batch."""
        batch, span_start = scored.batch, int(scored.span_starts[at])
        first, _, end = batch.rows[at].tolist()
        done = row.characters if row else 0
        span_end = min(span_start + int(scored.span_sizes[at]), end)
        span = (
            float(scored.spans[at]),
            span_start - first + done,
            self._text(batch.points[span_start:span_end]),
        )
        if row and row.span[0] >= span[0]:
            span = row.span
        start = "" if row is None else row.text
        return LongRow(
            file=int(batch.files[at]),
            number=int(batch.numbers[at]),
            offset=row.offset if row else int(batch.offsets[at]),
            characters=done + end - first,
            scored=(row.scored if row else 0) + int(scored.counts[at]),
            total=(row.total if row else 0.0) + float(scored.sums[at]),
            unknown=(row.unknown if row else 0) + int(scored.unknown[at]),
            span=span,
            text=start or self._text(batch.points[first : min(end, first + most_text)]),
        )

    def _text(self, points: Points) -> str:
        if self._vocabulary.unit == "byte":
            return points.astype(np.uint8).tobytes().decode("utf-8", "replace")
        return points.tobytes().decode("utf-32-le")

    def _strings(self, points: Points, starts: Indices, ends: Indices) -> pa.Array:
        """The text of each range of characters."""
        if self._vocabulary.unit == "byte":
            pairs = zip(starts.tolist(), ends.tolist(), strict=True)
            return pa.array([self._text(points[start:end]) for start, end in pairs], pa.string())
        return strings(points, starts, ends)


span_numbers = ("span_start", "span_nats_per_character")


def strings(points: Points, starts: Indices, ends: Indices) -> pa.Array:
    """The text of each range of characters (N,), as an array of strings (R,)."""
    sizes = ends - starts
    borders = np.cumsum(sizes)
    index = np.repeat(starts - borders + sizes, sizes) + np.arange(borders[-1] if len(sizes) else 0)
    return adjacent_strings(points[index], borders)
