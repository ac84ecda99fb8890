"""What a row of nights came to: a table by kind of night, and sentences."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.support.nightly_texts import bad_nights
from tests.support.nights import Night, maximum_loss

states = ("Promoted", "Rejected", "Unchanged", "Failed", "Killed")
usual = {"grown": 60, "unchanged": 12, "drifting": 6, "new alphabet": 2}
people = {"rollback": 2, "promotion by hand": 2, "forced": 3}
kills = {"killed": 7, "abandoned": 2}
bad = dict.fromkeys(bad_nights, 2)


def every_kind(*, but: Sequence[str] = ()) -> list[str]:
    """A night of each kind; after the bad ones that a gate does not stop the corpus comes back."""
    kinds = ["grown", "unchanged", "drifting", "new alphabet"]
    kinds += ["halved", "file gone", "damaged bytes", "latin-1", "back"]
    kinds += ["mis-encoded", "back", "shuffled", "back"]
    kinds += ["rollback", "grown", "promotion by hand", "forced", "killed", "SIGKILL", "abandoned"]
    kinds += ["grown"]
    return [kind for kind in kinds if kind not in but]


def random_kinds(count: int, seed: int) -> Iterator[str]:
    """Nights of all kinds, ordinary ones most often."""
    rng, weights = random.Random(seed), {**usual, **bad, **people, **kills}
    names, left = list(weights), count
    while left > 0:
        (kind,) = rng.choices(names, list(weights.values()))
        for one in (kind, "back") if kind in bad_nights else (kind,):
            if left > 0:
                yield one
            left -= 1


def table(nights: Sequence[Night]) -> list[str]:
    """How many nights of each kind ended in each state."""
    counts = Counter((night.kind, night.state) for night in nights)
    lines = [f"{'night':18}{'nights':>8}" + "".join(f"{state:>11}" for state in states)]
    for kind in dict.fromkeys(night.kind for night in nights):
        found = [counts[kind, state] for state in states]
        lines.append(f"{kind:18}{sum(found):8}" + "".join(f"{number:11}" for number in found))
    return lines


def champion_sentence(nights: Sequence[Night]) -> str:
    """How much champions got worse on texts of before."""
    lost = [night.own_loss for night in nights if night.own_loss is not None]
    first = [night.first_bits for night in nights]
    return (
        f"champion: {len(lost)} promotions by the gate, on the text of the champion before at most"
        f" {max(lost):.3f} bits per character worse (at most {maximum_loss:g} allowed), the sum of"
        f" all {sum(lost):+.3f}; on the text of the first night {first[0]:.3f} bits then,"
        f" {max(first):.3f} at worst, {first[-1]:.3f} in the last night"
    )


def disk_sentence(nights: Sequence[Night], part: str) -> str:
    """How many files and bytes a part of the store had, at most in each half and at the end."""
    halves = (nights[: len(nights) // 2], nights[len(nights) // 2 :])
    files = [max(night.disk[part].files for night in half) for half in halves]
    sizes = [max(night.disk[part].size for night in half) for half in halves]
    return (
        f"{part}: at most {files[0]:,} files and {sizes[0]:,} bytes in the first half of the nights,"
        f" {files[1]:,} and {sizes[1]:,} in the second"
    )
