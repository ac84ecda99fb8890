"""Sizes before bytes: an object that is too large for its kind is refused before it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.exceptions import DamagedObject, StoreError
from flows.storage import bounds, datasets, reports
from flows.storage.log import Log
from flows.storage.runs import load_run, save_run
from flows.storage.stores import Store
from tests.support.damage import reported
from tests.support.reports import place
from tests.support.reports import save as save_report
from tests.support.runs import run
from tests.support.states import commit, open_log, stored, text
from tests.support.stores import reopened

huge = 10_000_000_000  # bytes, of which a sparse file takes none


def enlarge(store: Store, path: str) -> None:
    """Make a file of a local store larger than memory, without use of the disk."""
    os.truncate(store.location(path), huge)


def test_a_huge_payload_or_record_falls_back_to_the_intact_checkpoint(local: Store) -> None:
    """As with every corrupt one."""
    log = open_log(local)
    for iterations in (3, 4, 5):
        record = commit(log, iterations)
    enlarge(local, log.payload_path(record.digest))
    enlarge(local, f"models/default/runs/{'0' * 16}/log/000000000001.json")
    with reported() as problems:
        newest = open_log(reopened(local.url)).newest()

    assert newest
    assert 3 == newest.record.iteration
    assert ["has 10,000,000,000 bytes"] * 2 == [found.reason[:24] for found in problems]


def read_dataset(store: Store) -> object:
    """Load the only dataset."""
    return datasets.load(store, store.names("datasets")[0])


@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        ("models/default/runs/*/run.json", lambda store: load_run(store, "default", run.run_id)),
        ("datasets/*/manifest.json", read_dataset),
        ("datasets/*/vocabulary.json", read_dataset),
        ("datasets/*/tokens.npy", read_dataset),
        (
            "reports/samples/*/*/*.parquet",
            lambda store: reports.load(store, place.model, place.report_id),
        ),
    ],
)
def test_a_huge_object_is_refused(local: Store, pattern: str, read: Callable[[Store], Any]) -> None:
    """The message says how large it is and may be."""
    stored(local, text)
    save_run(local, "default", run)
    save_report(local)
    (path,) = Path(local.url).glob(pattern)
    enlarge(local, str(path.relative_to(local.url)))

    with pytest.raises(DamagedObject, match=r"has 10,000,000,000 bytes, expected at most [0-9,]+"):
        read(reopened(local.url))


def test_an_object_of_any_store_is_refused_when_it_is_too_large(store: Store) -> None:
    """Of a remote one no more than the bound is transferred."""
    store.put("object", b"12345")

    assert b"12345" == store.read("object", 5)
    with pytest.raises(DamagedObject, match=r"object: .*, expected at most 4"):
        store.read("object", 4)


def test_an_empty_object_is_read(store: Store) -> None:
    """It has no first byte, by which servers refuse a range."""
    store.put("object", b"")

    assert b"" == store.read("object", 10)


def test_what_could_not_be_read_back_is_not_written(store: Store) -> None:
    """A record over the bound would be taken for a corrupt one."""
    content = {"text": "x" * bounds.record}

    with pytest.raises(StoreError, match=r"cannot write .*000000000000\.json: it has"):
        Log(store, "log").append("note", content, after=-1)
    assert [] == store.names("log")
