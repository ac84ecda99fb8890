"""Policies keep what they are named after, and compose: whatever the options, never too little."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.lifecycle.policies import Candidate, any_of, best, every_n, latest, named
from flows.storage.versions import Entry, History, Version

candidates = st.lists(st.integers(0, 50), unique=True, max_size=20).map(
    lambda found: [Candidate(i, f"{i:02}") for i in sorted(found, reverse=True)]
)
counts = st.integers(0, 5)
bits = st.dictionaries(st.integers(0, 50).map(lambda i: f"{i:02}"), st.floats(0, 9), max_size=20)


@given(candidates, counts.map(lambda n: n + 1), counts, st.none() | st.integers(1, 9), bits)
def test_the_newest_the_best_and_the_champions_are_always_kept(
    found: list[Candidate], last: int, first: int, every: int | None, measured: dict[str, float]
) -> None:
    champions = {one.digest for one in found[::3]}
    kept = any_of(latest(last), best(first + 1, measured), every_n(every), named(champions))(found)

    digests = {one.digest for one in found}
    scored = [measured[one.digest] for one in found if one.digest in measured]
    assert champions <= kept <= digests
    assert {one.digest for one in found[:last]} <= kept
    assert not scored or min(scored) in [measured[digest] for digest in kept & set(measured)]


@given(candidates, counts, bits)
def test_each_policy_keeps_no_more_than_its_count(
    found: list[Candidate], count: int, measured: dict[str, float]
) -> None:
    assert min(count, len(found)) == len(latest(count)(found))
    assert len(best(count, measured)(found)) <= count
    assert set() == every_n(None)(found)


def test_of_equally_good_checkpoints_the_later_is_kept() -> None:
    found = [Candidate(3, "c"), Candidate(2, "b"), Candidate(1, "a")]
    assert {"b"} == best(1, {"a": 2.0, "b": 2.0, "c": 3.0})(found)


def test_of_two_checkpoints_of_one_iteration_the_newer_counts() -> None:
    found = [Candidate(3, "again"), Candidate(3, "first"), Candidate(2, "b"), Candidate(1, "a")]
    assert {"again", "b"} == latest(2)(found)


def test_multiples_of_n_iterations_are_kept() -> None:
    found = [Candidate(iteration, str(iteration)) for iteration in (0, 5, 10, 15, 20)]
    assert {"0", "10", "20"} == every_n(10)(found)


def version(decision: str, digest: int, to: int | None = None) -> Version:
    content = {"decision": decision, "digest": f"{digest:064}", "to_version": to}
    content |= {"reason": "", "run_id": "0" * 16, "iteration": 1, "bits_per_character": None}
    content |= {"champion": None, "champion_bits_per_character": None}
    return Version.model_validate(content)


def history(*versions: Version) -> History:
    entries = [Entry(number, "", one) for number, one in enumerate(versions)]
    return History(entries[::-1])


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Promotions, rejections and rollbacks to any version that was champion."""
    made: list[Version] = []
    for _ in range(draw(st.integers(0, 15))):
        champions = [n for n, one in enumerate(made) if one.decision == "promoted"]
        kinds = ["promoted", "rejected", *(["rolled_back"] if champions else [])]
        kind = draw(st.sampled_from(kinds))
        to = draw(st.sampled_from(champions)) if kind == "rolled_back" else None
        made.append(version(kind, draw(st.integers(0, 6)) if to is None else 0, to))
    return history(*made)


@given(histories(), st.integers(1, 5))
def test_the_champion_and_what_a_rollback_goes_to_are_kept(found: History, count: int) -> None:
    kept = {entry.version.digest for entry in found.kept(count)}

    returns = [found.get(number) for number in found.champions()]
    distinct = list(dict.fromkeys(one.version.digest for one in returns if one))
    assert set(distinct[:count]) <= kept
    reigned = list(dict.fromkeys(entry.version.digest for entry in found.reigned()))
    assert set(reigned[:count]) <= kept
    assert len(kept) <= 2 * count


def test_distinct_champions_are_counted_and_rejected_ones_are_not() -> None:
    found = history(
        version("promoted", 1),
        version("promoted", 2),
        version("rejected", 3),
        version("promoted", 2),
        version("promoted", 4),
    )
    assert [4, 2] == [int(entry.version.digest) for entry in found.kept(2)]
    assert [4, 2, 1] == [int(entry.version.digest) for entry in found.kept(9)]


def test_the_target_of_a_rollback_counts_as_the_last_champion() -> None:
    found = history(
        version("promoted", 1),
        version("promoted", 2),
        version("promoted", 3),
        version("rolled_back", 0, to=0),
    )
    assert [1, 3] == [int(entry.version.digest) for entry in found.kept(2)]
