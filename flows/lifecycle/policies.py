"""Policies: which checkpoints of a run are kept. Pure functions that compose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple


class Candidate(NamedTuple):
    """A checkpoint that is in the store."""

    iteration: int
    digest: str


Policy = Callable[[Sequence[Candidate]], set[str]]  # newest first; the digests to keep


def latest(count: int) -> Policy:
    """The newest ones; of those of one iteration, which a corrupt one may cause, the newest."""

    def keep(candidates: Sequence[Candidate]) -> set[str]:
        by_iteration: dict[int, str] = {}
        for candidate in candidates:
            by_iteration.setdefault(candidate.iteration, candidate.digest)
        return set(list(by_iteration.values())[:count])

    return keep


def best(count: int, bits: Mapping[str, float]) -> Policy:
    """Those with the fewest bits per character on held-out text; of equal ones the later."""

    def keep(candidates: Sequence[Candidate]) -> set[str]:
        measured = [candidate for candidate in candidates if candidate.digest in bits]
        measured.sort(key=lambda found: (bits[found.digest], -found.iteration))
        return {candidate.digest for candidate in measured[:count]}

    return keep


def every_n(iterations: int | None) -> Policy:
    """Those at multiples of so many iterations; none if that is None."""

    def keep(candidates: Sequence[Candidate]) -> set[str]:
        if iterations is None:
            return set()
        return {found.digest for found in candidates if found.iteration % iterations == 0}

    return keep


def named(digests: Collection[str]) -> Policy:
    """Those of given digests, such as of the versions that are kept."""
    return lambda candidates: {found.digest for found in candidates if found.digest in digests}


def any_of(*policies: Policy) -> Policy:
    """What any of some policies keeps."""
    return lambda candidates: set().union(*(policy(candidates) for policy in policies))
