"""`python -m flows.report`, killed between the parts of a report."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq

from tests.support.commands import kill, outcome, small, start

corpus = Path(__file__).parents[2] / "data" / "corpus"
grid = ("--samples_each=90000", "--length=5")  # at three temperatures: three parts


def parts_of(store: Path) -> list[Path]:
    """The parts of the large report that are there."""
    return sorted((store / "reports/samples/default").glob("*/*-*.parquet"))


def test_a_killed_report_goes_on_with_the_parts_that_are_missing(tmp_path: Path) -> None:
    """Finished parts stay as they are, and all rows are those of a report that was not killed."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    outcome(start(tmp_path, f"--corpus={corpus}", f"--store={killed}", *small))
    shutil.copytree(killed, whole)
    process = start(tmp_path, f"--store={killed}", *grid, flow="report")
    while not parts_of(killed) and process.poll() is None:
        time.sleep(0.01)
    kill(process)
    before = {part: part.stat().st_mtime_ns for part in parts_of(killed)}
    assert 0 < len(before) < 3
    summaries = list((killed / "reports/summaries/default").glob("*/*"))
    assert 1 == len(summaries), "that of the retraining's own report: a summary is written last"

    result = outcome(start(tmp_path, f"--store={killed}", *grid, flow="report"))
    outcome(start(tmp_path, f"--store={whole}", *grid, flow="report"))

    assert before == {part: part.stat().st_mtime_ns for part in before}
    assert 3 == len(parts_of(killed))
    assert 270_000 <= result["rows"]
    for mine, theirs in zip(parts_of(killed), parts_of(whole), strict=True):
        found, expected = (
            pq.read_table(file, partitioning=None).drop_columns(["created_at"])
            for file in (mine, theirs)
        )
        assert expected == found
