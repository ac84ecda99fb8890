"""The profile of a dataset, from its tokens and from what was found while it was read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.storage import datasets
from flows.storage.datasets import Dataset
from flows.storage.profiles import (
    CharacterCount,
    EntropyEntry,
    Profile,
    ProfiledFile,
    bounded_files,
    find_profile,
    profile_format,
    save_profile,
)
from flows.storage.stores import Store
from flows.text import Vocabulary
from flows.text.entropy import measure, sample_characters

most_frequent, most_rare = 200, 50  # characters whose counts are in a profile
ends_of_sizes = (0x80, 0x800, 0x10000)  # from these code points UTF-8 takes one byte more
control_points = sorted({*range(0x20), *range(0x7F, 0xA0)} - set(b"\t\n\r"))
Counts = NDArray[np.integer]


def ensure_profile(store: Store, dataset_id: str, files: tuple[ProfiledFile, ...] = ()) -> Profile:
    """The profile of a dataset in the store, made where there is none yet.

    A dataset that was read from other files before keeps its profile, with the names of those.
    """
    found = find_profile(store, dataset_id)
    return found or save_profile(store, profile_of(datasets.load(store, dataset_id), files))


def profile_of(
    dataset: Dataset,
    files: tuple[ProfiledFile, ...] = (),
) -> Profile:
    """The profile of a dataset; `files` are those that it was read from, with their problems."""
    tokens, vocabulary, sample = dataset.tokens, dataset.vocabulary, None
    if len(tokens) > sample_characters:
        sample = dataset.blocks().smallest(sample_characters).bounds
        sample = sample[np.argsort(sample[:, 0])]  # memory is read in order
    counts, entropies = measure(tokens, len(vocabulary), sample)
    frequent, rare = _extremes(vocabulary, counts)
    kept, more = bounded_files(files)
    return Profile(
        format=profile_format,
        dataset_id=dataset.dataset_id,
        characters=len(tokens),
        lines=_lines(dataset, counts),
        distinct_characters=int(np.count_nonzero(counts)),
        frequent=frequent,
        rare=rare,
        entropies=tuple(
            EntropyEntry(order=order, bits_per_character=bits, characters=read, is_exact=is_exact)
            for order, bits, read, is_exact in entropies
        ),
        files=kept,
        more_files=more,
        **_totals(vocabulary, counts),
    )


def _totals(vocabulary: Vocabulary, counts: Counts) -> dict[str, int]:
    """Sums over characters of a kind."""
    points = vocabulary.code_points
    size = (
        1
        if vocabulary.unit == "byte"
        else 1 + sum((points >= end).astype(np.int64) for end in ends_of_sizes)
    )
    control = np.isin(points, control_points)
    return {
        "utf8_bytes": int((counts.astype(np.int64) * size).sum()),
        "outside_ascii": int(counts[points >= ends_of_sizes[0]].sum()),
        "control_characters": int(counts[control].sum()),
        "nul_characters": int(counts[points == 0].sum()),
    }


def _lines(dataset: Dataset, counts: Counts) -> int:
    """Line feeds, and the ends of files that have none at their end."""
    newline = dataset.vocabulary.characters.find("\n")
    ends = np.array(sorted(set(dataset.file_ends) - {0}), np.int64)
    unfinished = int(np.count_nonzero(dataset.tokens[ends - 1] != newline))
    return unfinished + (int(counts[newline]) if newline >= 0 else 0)


def _extremes(
    vocabulary: Vocabulary, counts: Counts
) -> tuple[tuple[CharacterCount, ...], tuple[CharacterCount, ...]]:
    """The counts of the most frequent characters, and of the rarest, each once."""
    order = np.argsort(-counts.astype(np.int64), kind="stable")
    order = order[: np.count_nonzero(counts)].tolist()
    found = [
        CharacterCount(character=vocabulary.characters[at], count=int(counts[at])) for at in order
    ]
    first = found[:most_frequent]
    return tuple(first), tuple(found[len(first) :][-most_rare:])
