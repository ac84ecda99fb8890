"""The page of a report: samples side by side, over champions, and where they come from."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.exceptions import UnknownObject
from flows.lifecycle.profiling import profile_of
from flows.reporting.pages.excerpt import (
    excerpt_of,
    most_characters,
    most_each_of_many,
    most_groups,
)
from flows.reporting.pages.report_page import write_report_page
from flows.storage.checkpoints import CheckpointLog
from flows.storage.datasets import tokenise
from flows.storage.profiles import save_profile
from flows.storage.registry import Registry
from flows.storage.stores import Store, open_store
from flows.storage.versions import Version
from tests.support.decisions import corpus, decided
from tests.support.pages import hostile_samples, rendered, trap
from tests.support.reports import save_report

report_id = "0123456789abcdef"


def newest(registry: Registry) -> Version:
    """The last decision."""
    return registry.history().entries[0].version


def drawn(store: Store, version: Version, name: str = report_id, **row: Any) -> str:
    """The page of a new report about a version's checkpoint."""
    save_report(store, "m", name, version, **row)
    write_report_page(store, "m", name)
    return store.read(f"reports/pages/m/{name}.html").decode()


def blocks(page: str, after: str = "<body>", before: str = "</body>") -> list[str]:
    """The texts in its blocks, between two places."""
    part = page.partition(after)[2].partition(before)[0]
    found = re.findall(r"<pre[^>]*>\n(?:<span.*?</span>)?(.*?)</pre>", part, re.DOTALL)
    return [unescape(text) for text in found]


def test_samples_stand_side_by_side_by_temperature(store: Store) -> None:
    """The first at each temperature, then the second; line ends and spaces are kept."""
    version = newest(decided(store, "p"))

    page = drawn(store, version)

    shown = blocks(page, "Samples by temperature", "<h2>")
    tail = f"of {version.digest[:4]}\n  end"
    assert [f"sample {number} {tail}" for number in range(6)] == shown
    assert "6 of 6 samples" in page


def test_champions_are_compared_by_the_samples_that_they_drew_alike(store: Store) -> None:
    """The same seed, priming text, temperature and number; a report with others is left out."""
    registry = decided(store, "p")
    first = newest(registry)
    drawn(store, first, "1" * 16)
    other = newest(decided(store, "p"))
    drawn(store, other, "2" * 16, seed=5)
    page = drawn(store, newest(decided(store, "p")))

    compared = blocks(page, "by other champions", "Learning")

    assert 6 == len(compared)
    assert [f"sample 0 of {first.digest[:4]}\n  end"] == compared[1:2]
    assert "version 0:" in page
    assert "version 1:" not in page


def test_without_other_champions_it_says_so(store: Store) -> None:
    assert "No other champion has a report" in drawn(store, newest(decided(store, "p")))


def test_it_shows_learning_decision_and_origin(store: Store) -> None:
    """From the records of its run, and from the decisions before."""
    decided(store, "p")
    version = newest(decided(store, "p", reason="fewer commas"))

    page = drawn(store, version)

    assert "Version 1, promoted" in page
    assert "fewer commas" in page
    assert 'class="fill" cx=' in page  # one checkpoint is a dot
    for told in (version.digest, version.run_id, version.dataset_id, "corpus.txt", "some CPU"):
        assert f"{told}" in page
    assert "version 0 (run" in page


def test_what_was_removed_is_left_out(store: Store) -> None:
    """Run and dataset: the report and the decision are still there."""
    version = newest(decided(store, "p"))
    run = f"models/m/runs/{version.run_id}"
    for path in (f"{run}/run.json", f"datasets/{version.dataset_id}/manifest.json"):
        store.remove(path)
    CheckpointLog(store, "m", version.run_id)._log.remove()

    page = drawn(store, version)

    assert "Version 0, promoted" in page
    assert "The records of its run are gone" in page
    assert "The dataset was removed" in page


def test_characters_have_their_shares_where_they_were_counted(store: Store) -> None:
    """Else they are listed."""
    version = newest(decided(store, "p"))
    assert "<bdi>line feed</bdi>" in drawn(store, version)

    save_profile(store, profile_of(tokenise([corpus])))

    share = corpus.count("\n") / len(corpus)
    page = drawn(store, version)
    assert f"<bdi>line feed {share:.3%}</bdi>" in page
    assert "order 1: " in page


def test_nothing_in_a_text_is_html(store: Store) -> None:
    """Samples, priming texts and reasons; what would control how it is shown is an escape."""
    version = newest(decided(store, "p", reason=rendered[-1]))

    page = drawn(store, version, text="".join(rendered) + "\x1b\u202e\0", priming=rendered[7])

    assert trap in page
    assert not re.search(r"<(img|iframe|script|image)", page)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", page)
    assert "\\x1b\\u202e\\x00" in page
    assert '<pre dir="auto">\n<span' in page


def test_a_text_that_begins_with_a_line_end_keeps_it(store: Store) -> None:
    """A parser drops the line end that begins a block."""
    page = drawn(store, newest(decided(store, "p")), text="\n\nx", priming="")

    assert '<pre dir="auto">\n\n\nx</pre>' in page


def test_a_page_without_its_report_is_refused(store: Store) -> None:
    decided(store, "p")

    with pytest.raises(UnknownObject, match=f"model m has no report {report_id}"):
        write_report_page(store, "m", report_id)

    assert [] == store.names("reports/pages")


def test_a_report_of_the_first_format_has_a_page(tmp_path: Path) -> None:
    """Without what it lacks: copying, and a summary of its own."""
    store = open_store(str(tmp_path / "old"))
    shutil.copytree(Path(__file__).parents[2] / "data/store-0.1.0", tmp_path / "old")
    old = "02712892e8f22054"

    write_report_page(store, "default", old)

    page = store.read(f"reports/pages/default/{old}.html").decode()
    assert "12 of 12 samples" in page
    assert "<h2>Likelihood</h2>" in page
    assert "<h2>Copying" not in page
    assert f"../../samples/default-{old}.parquet" in page


def many(**columns: object) -> pa.Table:
    """A report of 60,000 samples, over 30 priming texts, 20 temperatures and 10 seeds."""
    number = np.arange(60_000)
    values = {
        "kind": ["sample"] * len(number),
        "sample_number": number // 6000,
        "seed": number % 10,
        "priming": [f"p{n}" for n in number // 10 % 30],
        "temperature": (number // 300 % 20) / 10,
        "text": [f"{n}" for n in number],
        "nats_per_character": number / 1e5,
        **columns,
    }
    return pa.table(values)


def test_a_large_report_shows_some_of_its_samples() -> None:
    """Of the first priming texts and seeds, at temperatures from end to end, the first numbers."""
    excerpt = excerpt_of(many())

    assert (60_000, 300, 20) == (excerpt.samples, excerpt.all_groups, excerpt.all_temperatures)
    assert [("p0", seed) for seed in range(most_groups)] == [
        (group.priming, group.seed) for group in excerpt.groups
    ]
    for group in excerpt.groups:
        assert (0.0, 1.9) == (min(group.samples), max(group.samples))
        for temperature, some in group.samples.items():
            assert list(range(most_each_of_many)) == [
                sample.row["sample_number"] for sample in some
            ]
            assert {temperature} == {sample.row["temperature"] for sample in some}


def test_a_long_sample_is_cut_and_its_length_told(store: Store) -> None:
    page = drawn(store, newest(decided(store, "p")), text="<" * 100_000)

    assert f"the first {most_characters:,} of 100,000" in page
    assert {most_characters} == {len(text) for text in blocks(page)}
    assert len(page) < 500_000


def test_a_report_of_snapshots_alone_has_a_page(store: Store) -> None:
    """Also one whose samples are at a temperature that is not a number."""
    version = newest(decided(store, "p"))

    assert "0 of 0 samples" in drawn(store, version, "3" * 16, kind="snapshot")
    assert "6 of 6 samples" in drawn(store, version, "4" * 16, nats_per_character=float("nan"))
    assert 0 == excerpt_of(hostile_samples().slice(0, 0)).samples
