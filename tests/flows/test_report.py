"""The `report` flow: a grid of samples, what it refuses, and what happens to a checkpoint meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.command_line.entry import run
from flows.exceptions import DamagedObject
from flows.lifecycle.estimates import Estimate
from flows.lifecycle.limits import limits_of
from flows.lifecycle.schedule import operations_per_second
from flows.parameters import SamplingOptions, TrainingOptions
from flows.report import report
from flows.results import ReportResult
from flows.storage import open_store, reports
from flows.storage.report_schema import samples
from flows.tasks.find_checkpoint import find_checkpoint
from flows.tasks.write_report import write_report
from flows.train import train
from tests.support.flows import files_below, retrained

Options = Callable[..., dict[str, Any]]


def reported(store: Path, version: int | None = None, **options: Any) -> ReportResult:
    """The result of the flow."""
    found = report(store=str(store), version=version, sampling=SamplingOptions(**options))
    assert isinstance(found, ReportResult)
    return found


def test_a_grid_is_reported(options: Options, store: Path) -> None:
    """Every sample of it is a row, with the version and the evaluation of the checkpoint."""
    trained = retrained(options())
    result = reported(
        store, length=20, priming=("the", "a"), seed=(1, 2), temperatures=(0, 1), samples_each=2
    )

    rows = pq.read_table(result.report_url, partitioning=None).to_pylist()
    own = [row for row in rows if row["kind"] == "sample"]
    assert (16, result.rows) == (len(own), len(rows))
    assert {("the", 1), ("the", 2), ("a", 1), ("a", 2)} == {(r["priming"], r["seed"]) for r in own}
    assert {(trained.version, trained.held_out_bits_per_character)} == {
        (row["version"], row["held_out_bits_per_character"]) for row in rows
    }
    assert [column.name for column in samples] == list(rows[0])
    assert all(row["copied_10"] is not None for row in own)
    again = reported(
        store, length=20, priming=("the", "a"), seed=(1, 2), temperatures=(0, 1), samples_each=2
    )
    assert result == again


def test_a_week_has_a_report_of_its_own(
    options: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the champion is the same; within a week it is written once."""
    retrained(options())
    weeks = []
    for week in ("2026-W48", "2026-W48", "2026-W49"):
        monkeypatch.setattr("flows.report.week_of", lambda _, week=week: week)
        weeks.append(reported(store, length=10, always=True))

    assert weeks[0] == weeks[1]
    assert weeks[0].report_id != weeks[2].report_id
    opened = open_store(str(store))
    tables = [reports.load(opened, "default", found.report_id) for found in weeks]
    assert [{"2026-W48"}, {"2026-W48"}, {"2026-W49"}] == [
        set(t["week"].to_pylist()) for t in tables
    ]
    assert tables[0]["text"].to_pylist() == tables[2]["text"].to_pylist()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--samples_each=10000000"], "30,000,000 samples (1 priming texts × 1 seeds × 3"),
        (
            ["--samples_each=0"],
            "--sampling.samples_each: input should be greater than or equal to 1",
        ),
        (["--sampling.priming=[]"], "--sampling.priming: tuple should have at least 1 item"),
        (
            ["--temperatures=-0.1"],
            "--sampling.temperatures.0: input should be greater than or equal",
        ),
        (["--temperatures=nan"], "cannot read '[nan]' as numbers"),
        (["--temperatures=1e400"], "input should be a finite number"),
        (["--top_p=0"], "--sampling.top_p: input should be greater than 0"),
        (["--top_p=nan"], "--sampling.top_p: input should be a finite number"),
        (["--priming=the Quay"], "the priming text has 'Q' (U+0051) at position 4"),
        (["--priming=[a"], "the priming text has '[' (U+005B) at position 0"),
        (["--stop=Q"], "the stop text has 'Q' (U+0051) at position 0"),
        (["--version=7"], "version 7"),
    ],
)
@pytest.mark.parametrize("mode", [[], ["--dry_run"]], ids=["", "dry run"])
def test_bad_options_are_refused_in_one_sentence(
    trained_store: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
    mode: list[str],
) -> None:
    """Before anything is drawn; nothing is written."""
    before = files_below(trained_store)

    assert 2 == run(report, [f"--store={trained_store}", *arguments, *mode])

    (sentence,) = capsys.readouterr().err.splitlines()[-1:]
    assert expected in sentence
    assert before == files_below(trained_store)


@pytest.fixture(scope="module")
def trained_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a small model."""
    folder = tmp_path_factory.mktemp("trained")
    corpus = folder / "corpus.txt"
    corpus.write_text("the keeper lit the lamp and the tide came in.\n" * 150)
    training = TrainingOptions(hidden_size=4, epochs=1)
    train(corpus=str(corpus), store=str(folder / "store"), training=training)
    return folder / "store"


def test_a_checkpoint_that_is_damaged_meanwhile_is_named(options: Options, store: Path) -> None:
    """After it was found; nothing is written."""
    retrained(options())
    sampling = SamplingOptions(length=7)
    found = find_checkpoint(str(store), "default", None, None, sampling)
    payload = Path(found.url)
    payload.write_bytes(payload.read_bytes()[:-1])
    before = files_below(store)

    with pytest.raises(DamagedObject, match=f"{payload.name}.*truncated"):
        write_report(found, sampling)
    assert before == files_below(store)


def test_a_report_that_takes_hours_says_so_before_it_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In its log."""
    limits = limits_of(open_store(str(tmp_path)))
    limits.check(Estimate(operations=0.9 * 3600 * operations_per_second))
    assert [] == caplog.messages
    limits.check(Estimate(operations=2.5 * 3600 * operations_per_second))

    assert ["the run takes about 2.5 hours at 5e+10 operations per second"] == caplog.messages
