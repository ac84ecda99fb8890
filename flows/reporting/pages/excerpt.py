"""Which samples of a report its page shows, and how those of two reports are the same draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

most_groups = 4  # priming texts and seeds
most_temperatures = 12
most_each = 4  # samples at one temperature, where there is one group
most_each_of_many = 2  # where there are more
most_characters = 2000  # of a sample
most_snapshots = 4

# What names a draw: two rows that agree in it had the same random numbers and options.
draw = (
    *("schema_version", "seed", "priming", "temperature", "sample_number"),
    *("hidden_state", "top_k", "top_p"),
)
needed = (*draw, "text", "characters", "nats_per_character", "iteration")


class Sample(NamedTuple):
    """A row of a report."""

    draw: tuple[Any, ...]
    row: dict[str, Any]

    @property
    def text(self) -> str:
        """Its text, or what a page shows of it."""
        return str(self.row["text"])[:most_characters]

    @property
    def is_cut(self) -> bool:
        """Whether there is more of its text."""
        return len(self.row["text"]) > most_characters


class Group(NamedTuple):
    """The samples of one priming text and seed, by temperature."""

    priming: str
    seed: int
    samples: dict[float, list[Sample]]


class Excerpt(NamedTuple):
    """Some samples of a report, and of how many they are."""

    groups: list[Group]
    snapshots: list[Sample]
    samples: int  # in the report
    all_groups: int
    all_temperatures: int

    @property
    def shown(self) -> int:
        """How many samples are here."""
        return sum(len(some) for group in self.groups for some in group.samples.values())


def excerpt_of(table: pa.Table) -> Excerpt:
    """The first samples of the first priming texts and seeds, at temperatures from end to end."""
    kept = table.select([name for name in (*needed, "kind") if name in table.column_names])
    rows = kept.filter(pc.equal(kept["kind"], "sample"))
    snapshots = kept.filter(pc.equal(kept["kind"], "snapshot"))
    few = _spread(np.arange(snapshots.num_rows), most_snapshots)
    temperatures = np.unique(rows["temperature"].to_numpy())
    pairs = _pairs(rows)
    chosen = _shown(pairs, rows["temperature"].to_numpy(), temperatures)
    return Excerpt(
        groups=_groups(_samples(rows.take(chosen))),
        snapshots=_samples(snapshots.take(few)),
        samples=rows.num_rows,
        all_groups=len(np.unique(pairs)),
        all_temperatures=len(temperatures),
    )


def _pairs(rows: pa.Table) -> NDArray[np.int64]:
    """A number for each priming text and seed, in the order in which they come first, (R,)."""
    primings = rows["priming"].combine_chunks().dictionary_encode().indices.to_numpy()
    seeds, codes = np.unique(rows["seed"].to_numpy(), return_inverse=True)
    _, first, inverse = np.unique(
        primings.astype(np.int64) * len(seeds) + codes, return_index=True, return_inverse=True
    )
    places: NDArray[np.int64] = np.argsort(np.argsort(first))[inverse]
    return places


def _shown(
    pairs: NDArray[np.int64],
    at: NDArray[np.float64],
    temperatures: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Numbers of the rows that are shown."""
    wanted = np.isin(at, _spread(temperatures, most_temperatures)) & (pairs < most_groups)
    (rows,) = np.nonzero(wanted)
    each = most_each_of_many if (pairs > 0).any() else most_each
    order = np.lexsort((at[rows], pairs[rows]))
    places = np.stack([pairs[rows], at[rows]])[:, order]
    starts = np.concatenate([[True], (places[:, 1:] != places[:, :-1]).any(axis=0)])[: len(rows)]
    rank = np.arange(len(rows)) - np.maximum.accumulate(np.where(starts, np.arange(len(rows)), 0))
    return np.sort(rows[order][rank < each])


def _spread(values: NDArray[Any], most: int) -> NDArray[Any]:
    """All values, or so many of them from the first to the last."""
    if len(values) <= most:
        return values
    places = np.linspace(0, len(values) - 1, most).round().astype(int)
    return np.take(values, places)


def _samples(rows: pa.Table) -> list[Sample]:
    return [Sample(tuple(row.get(name) for name in draw), row) for row in rows.to_pylist()]


def _groups(samples: Iterable[Sample]) -> list[Group]:
    found: dict[tuple[str, int], Group] = {}
    for sample in samples:
        key = sample.row["priming"], sample.row["seed"]
        group = found.setdefault(key, Group(*key, {}))
        group.samples.setdefault(sample.row["temperature"], []).append(sample)
    return [group._replace(samples=dict(sorted(group.samples.items()))) for group in found.values()]
