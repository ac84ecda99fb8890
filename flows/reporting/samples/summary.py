"""The summary of a report: one row a temperature, beside the same measures of the held-out text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flows.reporting.samples.grid import Grid
from flows.reporting.samples.statistics import Measures, Reference, quantiles, shorter_by, variety
from flows.reporting.samples.tables import Shared
from flows.storage import report_schema
from flows.text import Vocabulary

most_excerpt = 1_000_000  # characters of the held-out text
least_excerpt = 10_000
means = ("distinct_1", "distinct_2", "words_in_corpus", *shorter_by)
needed = ("kind", "temperature", "characters", "stopped", "nats_per_character", "longest_copied")
columns_read = (*needed, *means)


class Sums:
    """What is added up of some texts, part by part; only one number a text is kept."""

    def __init__(self) -> None:
        self.samples = self.characters = 0
        self._totals: dict[str, tuple[float, float]] = {}  # of value times weight, of weights
        self._nats: list[NDArray[np.float64]] = []
        self._longest: float = np.nan

    def add(self, measures: Measures) -> None:
        """Add the measures of some texts, with their `characters`."""
        characters = measures["characters"]
        self.samples += len(characters)
        self.characters += int(characters.sum())
        weights = {"nats_per_character": characters}
        weights |= {name: np.maximum(0, characters - less) for name, less in shorter_by.items()}
        for name in ("stopped", "nats_per_character", *means):
            if name in measures:
                self._add(name, measures[name], weights.get(name, np.ones(len(characters))))
        self._nats.append(measures.get("nats_per_character", np.empty(0)))
        self._longest = float(np.fmax.reduce([self._longest, *measures["longest_copied"]]))

    def _add(self, name: str, values: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        known = ~np.isnan(values)
        total, weight = self._totals.get(name, (0.0, 0.0))
        total += float((values[known] * weights[known]).sum())
        self._totals[name] = total, weight + float(weights[known].sum())

    def mean(self, name: str) -> float | None:
        """The mean of a measure; None where no text has it."""
        total, weight = self._totals.get(name, (0.0, 0.0))
        return total / weight if weight else None

    @property
    def statistics(self) -> dict[str, float | int | None]:
        """The columns that samples and held-out text have both."""
        longest = None if np.isnan(self._longest) else int(self._longest)
        return {name: self.mean(name) for name in means} | {"longest_copied": longest}

    def row(self) -> dict[str, Any]:
        """A row of the summary, without what is shared."""
        nats = np.concatenate(self._nats)
        return {
            "samples": self.samples,
            "characters": self.characters,
            "stopped": self.mean("stopped"),
            "nats_per_character": self.mean("nats_per_character"),
            **{name: float(np.quantile(nats, q)) for name, q in quantiles.items()},
            **self.statistics,
        }


def summary_table(
    shared: Shared, grid: Grid, parts: Iterable[pa.Table], held_out: Mapping[str, Any]
) -> pa.Table:
    """One row for each temperature, in the grid's order."""
    sums = {temperature: Sums() for temperature in grid.temperatures}
    for table in parts:
        columns = {name: table[name].to_numpy() for name in columns_read}
        for temperature, found in sums.items():
            is_own = (columns["kind"] == "sample") & (columns["temperature"] == temperature)
            measures = {n: columns[n][is_own].astype(np.float64) for n in columns_read[2:]}
            found.add(measures)
    rows = [
        shared._asdict() | {"temperature": temperature, **found.row(), **held_out}
        for temperature, found in sums.items()
    ]
    return pa.Table.from_pylist(rows, report_schema.schema_of(report_schema.summaries))


def held_out_statistics(
    vocabulary: Vocabulary, reference: Reference | None, characters: int, length: int
) -> dict[str, float | int | None]:
    """The statistics of an excerpt of the held-out text, in pieces of `length` as samples have.

    It is as long as all samples together, `characters`, within bounds.
    """
    sums = Sums()
    if reference and len(reference.held_out):
        excerpt = reference.held_out[: max(min(characters, most_excerpt), least_excerpt)]
        ends = np.append(np.arange(length, len(excerpt), length), len(excerpt))
        measures = variety(excerpt, ends, vocabulary, reference)
        measures["characters"] = np.diff(ends, prepend=0).astype(np.float64)
        sums.add(measures)
    return {f"held_out_{name}": value for name, value in sums.statistics.items()}
