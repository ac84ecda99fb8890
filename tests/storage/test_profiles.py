"""A profile is written once beside the tokens of its dataset, and goes with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.exceptions import NewerFormat
from flows.lifecycle.profiling import ensure_profile, profile_of
from flows.storage import dataset_use
from flows.storage.clock import store_time
from flows.storage.profiles import (
    CharacterCount,
    ProfiledFile,
    entropies_of,
    find_profile,
    most_files,
    save_profile,
)
from flows.storage.stores import Store
from flows.text.entropy import sample_characters
from tests.support.states import stored, text

hostile = "a\0b\x1b\u00a0é中\U0001f600\r\n\n"


def test_a_profile_counts_what_is_in_the_text(local: Store) -> None:
    texts = ("ab\tc\n" * 3, hostile, "no line end")
    profile = profile_of(stored(local, *texts))
    whole = "".join(texts)

    assert len(whole) == profile.characters
    assert len(whole.encode()) == profile.utf8_bytes
    assert 3 + 2 + 1 == profile.lines
    assert len(set(whole)) == profile.distinct_characters
    assert 4 == profile.outside_ascii
    assert 2 == profile.control_characters
    assert 1 == profile.nul_characters
    assert {c: whole.count(c) for c in whole} == {
        found.character: found.count for found in profile.frequent
    }
    assert CharacterCount(character="\n", count=5) == profile.frequent[0]
    assert () == profile.rare
    assert [0, 1, 2, 3] == list(profile.bits_by_order)
    assert all(entry.is_exact for entry in profile.entropies)


def test_only_some_characters_are_named_and_the_others_counted(local: Store) -> None:
    """The most frequent and the rarest."""
    whole = "".join(chr(0x4E00 + k) * (1 + (k < 299)) for k in range(300))
    profile = profile_of(stored(local, whole))

    assert (200, 50, 50) == (len(profile.frequent), len(profile.rare), profile.unnamed_characters)
    assert CharacterCount(character=chr(0x4E00 + 299), count=1) == profile.rare[-1]


def test_files_with_problems_are_named_first(local: Store) -> None:
    many = [ProfiledFile(name=f"f{k}", characters=1) for k in range(most_files + 9)]
    many.append(ProfiledFile(name="odd" * 999, characters=1, problems=("NUL " * 999,) * 99))
    profile = profile_of(stored(local, text), tuple(many))

    assert (most_files, 10) == (len(profile.files), profile.more_files)
    assert profile.files[-1].name.startswith("odd")
    assert profile.files[-1].problems[0].startswith("NUL")
    assert 30_000 > len(profile.files[-1].model_dump_json())


def test_a_long_text_is_sampled_block_by_block(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders 2 and 3 say from how many characters they are."""
    dataset = stored(local, "".join(f"{k} lines\n" * 30 for k in range(100)))
    monkeypatch.setattr("flows.lifecycle.profiling.sample_characters", 9000)
    entries = profile_of(dataset).entropies

    assert [True, True, False, False] == [entry.is_exact for entry in entries]
    assert {len(dataset.tokens)} == {entry.characters for entry in entries[:2]}
    assert all(9000 - 2048 < entry.characters <= 9000 < sample_characters for entry in entries[2:])


def test_a_profile_is_made_once(store: Store) -> None:
    dataset_id = stored(store, text).manifest.dataset_id
    assert find_profile(store, dataset_id) is None
    assert {} == entropies_of(store, dataset_id)

    first = ensure_profile(store, dataset_id, (ProfiledFile(name="a.txt", characters=4),))
    again = ensure_profile(store, dataset_id, (ProfiledFile(name="b.txt", characters=4),))

    assert first == again == find_profile(store, dataset_id)
    assert first.bits_by_order == entropies_of(store, dataset_id)
    assert first == save_profile(store, first)


def test_a_corrupt_profile_is_made_again(local: Store) -> None:
    """Nothing is lost: all of it but the names of files comes from the tokens."""
    dataset_id = stored(local, text).manifest.dataset_id
    first = ensure_profile(local, dataset_id)
    file = Path(local.location(f"datasets/{dataset_id}/profile.json"))
    file.write_bytes(file.read_bytes()[:-9])
    local.cache.forget(f"datasets/{dataset_id}/profile.json")
    local.cache.forget(dataset_id)

    assert {} == entropies_of(local, dataset_id)
    assert first == ensure_profile(local, dataset_id)


def test_a_profile_of_a_newer_program_is_no_obstacle_to_a_curve(local: Store) -> None:
    dataset_id = stored(local, text).manifest.dataset_id
    local.create(f"datasets/{dataset_id}/profile.json", b'{"format":99}')

    assert {} == entropies_of(local, dataset_id)
    with pytest.raises(NewerFormat):
        ensure_profile(local, dataset_id)


def test_a_profile_is_removed_with_its_dataset(local: Store) -> None:
    dataset_id = stored(local, text).manifest.dataset_id
    ensure_profile(local, dataset_id)

    assert dataset_use.remove(local, dataset_id, store_time(local) + 10**6)
    assert [] == local.names("datasets")
