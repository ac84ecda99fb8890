"""A report: each sample depends on its own options alone, files are parts, a summary completes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.exceptions import CorpusError, DamagedObject, LimitExceeded, StoreError, UnknownObject
from flows.parameters import SamplingOptions
from flows.reporting.samples import drawing, grid
from flows.reporting.samples.grid import generator_of
from flows.reporting.samples.identity import report_identity, week_of
from flows.reporting.samples.writing import Report
from flows.storage import datasets, reports
from flows.storage.open_run import OpenRun
from flows.storage.report_schema import samples, summaries
from flows.storage.stores import Store
from rnncore import next_input, read
from rnncore.kernels import inference
from rnncore.sampling import draw
from tests.support.decisions import decided
from tests.support.stores import StoreWrapper, reopened

shared_by_all = {"report_id", "created_at"}


def report_of(store: Store, **options: Any) -> Report:
    """A report about the only version of a model."""
    if not store.names("models"):
        decided(store, "p")
    (run_id,) = store.names("models/m/runs")
    opened = OpenRun(store, "m", run_id)
    return Report(opened, opened.log.records()[-1].digest, SamplingOptions(**options))


def written(store: Store, **options: Any) -> pa.Table:
    """The samples of a report that is written now."""
    report = report_of(store, **options)
    report.write()
    assert report.is_complete()
    return reports.load(store, "m", report.place.report_id)


def by_place(table: pa.Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by what names them, without what names their report."""
    return {
        tuple(row[name] for name in ("priming", "seed", "sample_number", "temperature")): {
            name: value for name, value in row.items() if name not in shared_by_all
        }
        for row in table.to_pylist()
    }


def test_a_sample_depends_on_its_own_options_alone(store: Store) -> None:
    """Not on the grid's size, nor on its order."""
    whole = by_place(
        written(
            store,
            length=30,
            temperatures=(1, 0.5, 2),
            samples_each=3,
            priming=("a", "fade", ""),
            seed=(7, 8),
        )
    )
    part = by_place(
        written(store, length=30, temperatures=(2, 1), samples_each=2, priming=("", "fade"), seed=8)
    )

    assert (54, 8) == (len(whole), len(part))
    assert part == {place: whole[place] for place in part}
    assert 27 < len({row["text"] for row in whole.values()})


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (drawing, "most_at_once", 5),
        (drawing, "tokens_of_slice", 40),
        (inference, "threads_for", lambda _: 3),
        (grid, "samples_of_part", 7),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_sample_does_not_depend_on_how_it_is_drawn(
    local: Store, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: Any
) -> None:
    """Batches, slices, threads and parts change no byte."""
    options = {"length": 20, "samples_each": 5, "priming": ("a", "be"), "stop": "a"}
    expected = by_place(written(local, **options))
    for path in ("samples", "summaries"):
        for month in local.names(f"reports/{path}/m"):
            for file in local.names(f"reports/{path}/m/{month}"):
                local.remove(f"reports/{path}/m/{month}/{file}")
    monkeypatch.setattr(module, name, value)

    assert expected == by_place(written(local, **options))


def test_temperatures_share_their_random_numbers(store: Store) -> None:
    """At very high ones all characters are as likely, so that the numbers alone decide."""
    rows = by_place(written(store, length=40, temperatures=(1e29, 1e30), samples_each=2))

    texts = [row["text"] for row in rows.values()]
    assert texts[0] == texts[1] != texts[2] == texts[3]


@pytest.mark.parametrize("hidden_state", ["zeros", "training"])
@pytest.mark.parametrize("priming", ["", "face"])
def test_a_row_is_drawn_again_from_what_it_names(
    store: Store, priming: str, hidden_state: str
) -> None:
    """By the rule of schema version 2."""
    options = {
        "priming": priming,
        "seed": 5,
        "hidden_state": hidden_state,
        "top_k": 4,
        "top_p": 0.9,
    }
    report = report_of(store, length=25, **options)
    report.write()
    state, vocabulary = report.payload
    training = report.opened.split.training
    for row in reports.load(store, "m", report.place.report_id).to_pylist():
        assert 2 == row["schema_version"]
        hidden, first = np.zeros_like(state.parameters.bh), int(training[0])
        if row["hidden_state"] == "training":
            hidden, first = next_input(state, training)
        if row["priming"]:
            tokens = vocabulary.encode(row["priming"])
            hidden, first = read(state.parameters, tokens[:-1], hidden), int(tokens[-1])
        rng = generator_of(row["seed"], row["priming"], row["sample_number"])
        again = draw(
            state.parameters,
            hidden[None],
            np.array([first]),
            rng.random((1, row["characters"])),
            temperature=row["temperature"],
            top_k=row["top_k"],
            top_p=row["top_p"],
        )

        assert row["text"] == vocabulary.decode(again.tokens[0])
        assert row["nats_per_character"] == pytest.approx(again.nats.mean(), rel=1e-12)
        quantiles = [row["nats_p10"], row["nats_p50"], row["nats_p90"]]
        assert quantiles == pytest.approx(np.quantile(again.nats[0], [0.1, 0.5, 0.9]), rel=1e-12)


@pytest.mark.parametrize("stop", ["a", "ab", "\n", "fe"])
@pytest.mark.parametrize("slice_length", [1, 2, 64])
def test_the_stop_text_ends_a_sample(
    local: Store, monkeypatch: pytest.MonkeyPatch, stop: str, slice_length: int
) -> None:
    """It is the last of the text, also where it was drawn in two slices."""
    monkeypatch.setattr(drawing, "stopping_slice", slice_length)
    whole = by_place(written(local, length=150, samples_each=10))
    rows = by_place(written(local, length=150, samples_each=10, stop=stop))

    assert {True} <= {row["stopped"] for row in rows.values()}
    for place, row in rows.items():
        before, found, _ = whole[place]["text"].partition(stop)
        assert (before + found, bool(found)) == (row["text"], row["stopped"])
        assert len(row["text"]) == row["characters"]


def test_a_report_of_parts_survives_a_kill(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished is not drawn again, and the summary comes last."""
    monkeypatch.setattr(grid, "samples_of_part", 5)
    report = report_of(local, length=10, samples_each=4)
    folder = f"reports/samples/m/{report.place.month}"
    drawn = list[range]()
    whole_draw = drawing.Sampler.draw

    def killed(self: drawing.Sampler, batch: range) -> drawing.Texts:
        if len(drawn) == 2:
            drawn.clear()
            raise KeyboardInterrupt
        drawn.append(batch)
        return whole_draw(self, batch)

    monkeypatch.setattr(drawing.Sampler, "draw", killed)
    with pytest.raises(KeyboardInterrupt):
        report.write()
    names = [f"{report.place.report_id}-{part:04}.parquet" for part in range(3)]
    assert names[:2] == local.names(folder)
    assert not report.is_complete()

    report_of(local, length=10, samples_each=4).write()

    assert [range(10, 12)] == drawn
    assert names == local.names(folder)
    assert report.is_complete()
    table = reports.load(local, "m", report.place.report_id)
    assert 12 == len(by_place(table)) == reports.describe(local, "m", report.place.report_id).rows
    paths = [found.path for found in reports.manifests(local, "m")]
    assert [*(f"{folder}/{name}" for name in names), report.place.summary] == paths


def test_a_part_that_was_removed_is_written_again(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others stay."""
    monkeypatch.setattr(grid, "samples_of_part", 5)
    report = report_of(local, length=10, samples_each=4)
    report.write()
    path = report.place.samples(1)
    local.remove(path)

    assert not report.is_complete()
    report.write()
    assert report.is_complete()
    assert 12 == reports.load(local, "m", report.place.report_id).num_rows


def test_a_full_disk_leaves_only_whole_files(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no summary, so that the report is not there."""
    monkeypatch.setattr(grid, "samples_of_part", 5)

    class FullStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if path.endswith("-0001.parquet"):
                raise StoreError(f"cannot write {path}: No space left on device")
            super().create(path, data, private=private)

    report_of(local)
    report = report_of(FullStore(local), length=10, samples_each=4)
    with pytest.raises(StoreError, match="No space left on device"):
        report.write()

    assert [report.place.samples(0)] == [m.path for m in reports.manifests(local, "m")]
    assert not reports.exists(local, report.place)


def test_a_report_of_other_contents_is_refused(local: Store) -> None:
    """Before a text of it is read."""
    report = report_of(local, length=10)
    about = (report.opened.run_id, report.digest)
    report_of(local, length=10, seed=4).write()
    other = report_of(local, length=10, seed=4).place
    table = reports.load(local, "m", other.report_id)
    at = table.schema.get_field_index("report_id")
    ids = pa.array([report.place.report_id] * len(table))
    planted = table.set_column(at, table.schema.field(at), ids)
    reports.save(local, report.place, report.place.samples(), planted)

    with pytest.raises(
        DamagedObject, match=r"its seed is '4' at sample 0, expected '0'.*remove it"
    ):
        report.write()
    with pytest.raises(DamagedObject, match="its run_id is"):
        reports.check_saved(local, report.place, report.place.samples(), ("0" * 16, about[1]))
    with pytest.raises(DamagedObject, match="its checkpoint is"):
        reports.check_saved(local, report.place, report.place.samples(), (about[0], "0" * 64))


def test_the_summary_has_a_row_a_temperature(store: Store) -> None:
    """Means weighted by characters, quantiles over samples, and the held-out text's own."""
    report = report_of(store, length=50, samples_each=6, temperatures=(2, 0.5))
    report.write()
    rows = reports.load(store, "m", report.place.report_id).to_pylist()
    found = reports.load_summary(store, "m", report.place.report_id).to_pylist()

    assert [2.0, 0.5] == [row["temperature"] for row in found]
    assert [c.name for c in summaries] == list(found[0])
    for row in found:
        own = [each for each in rows if each["temperature"] == row["temperature"]]
        nats = [each["nats_per_character"] for each in own]
        assert (6, 300, 0.0) == (row["samples"], row["characters"], row["stopped"])
        assert row["nats_per_character"] == pytest.approx(np.mean(nats))
        assert row["nats_p10"] == pytest.approx(np.quantile(nats, 0.1))
        assert row["copied_10"] == pytest.approx(np.mean([each["copied_10"] for each in own]))
        assert row["longest_copied"] == max(each["longest_copied"] for each in own)
        assert row["held_out_copied_10"] is not None


def test_columns_say_what_is_known(store: Store) -> None:
    """Version, corpus and evaluation of the checkpoint; each has its column's name."""
    row = written(store, length=5, samples_each=1).to_pylist()[0]

    assert [column.name for column in samples] == list(row)
    assert (0, "corpus.txt", None, None) == (
        row["version"],
        row["corpus"],
        row["held_out_bits_per_character"],
        row["copied_10"],
    )
    assert row["longest_copied"] is not None


def test_statistics_are_null_where_the_training_text_was_removed(local: Store) -> None:
    """And a sample must not start from it."""
    report = report_of(local, length=20, priming="a")
    for name in local.names(folder := datasets.dataset_folder(report.opened.run.dataset_id)):
        local.remove(f"{folder}/{name}")
    report = report_of(reopened(local.url), length=20, priming="a")

    report.write()

    row = reports.load(local, "m", report.place.report_id).to_pylist()[0]
    assert (None, None, None) == (row["copied_10"], row["longest_copied"], row["words_in_corpus"])
    assert row["repetition"] is not None
    with pytest.raises(UnknownObject, match=r"was removed.*: set sampling.priming"):
        report_of(reopened(local.url), length=20).write()


def test_a_neutral_option_changes_no_name() -> None:
    """Nor does a list of one, or a value that is given twice."""
    name = report_identity("r", "d", SamplingOptions())

    same: list[dict[str, Any]] = [
        {"seed": [0], "priming": [""]},
        {"seed": [0, 0], "temperatures": (0.5, 0.8, 1.0, 0.8)},
        {"stop": None, "top_k": None, "top_p": 1, "unknown": "fail", "always": True},
    ]
    assert {name} == {report_identity("r", "d", SamplingOptions(**each)) for each in same}
    others: list[dict[str, Any]] = [
        {"stop": "."},
        {"top_k": 3},
        {"top_p": 0.5},
        {"hidden_state": "training"},
        {"unknown": "skip"},
        {"seed": (0, 1)},
    ]
    different = {report_identity("r", "d", SamplingOptions(**each)) for each in others}
    assert 6 == len(different - {name})
    assert name != report_identity("r", "d", SamplingOptions(), "2026-W48")
    assert week_of(SamplingOptions()) is None
    assert week_of(SamplingOptions(always=True))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"samples_each": 5_000_000},
            r"15,000,000 samples \(1 priming texts × .*at most 10,000,000",
        ),
        (
            {"seed": tuple(range(1000)), "samples_each": 10_000},
            "at most 10,000,000 are drawn: make",
        ),
        (
            {"samples_each": 10_000, "length": 1_000_000},
            "samples of 1,000,000 characters .* at most",
        ),
    ],
)
def test_a_grid_that_is_too_large_is_refused(
    local: Store, options: dict[str, Any], expected: str
) -> None:
    """Before anything is drawn."""
    with pytest.raises(LimitExceeded, match=expected):
        report_of(local, **options).write()
    assert [] == local.names("reports")


def test_a_stop_text_that_no_sample_can_have_is_refused(local: Store) -> None:
    """Its character is named."""
    with pytest.raises(CorpusError, match=r"the stop text has 'x' \(U\+0078\) at position 1"):
        report_of(local, stop="ax").write()
