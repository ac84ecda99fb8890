"""A report of several files: its parts are pieces of an engine, and its rows are the same for any."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.sorting import FlowRunSort

from flows.command_line.entry import run
from flows.exceptions import CorpusError
from flows.lifecycle import report_pieces
from flows.parameters import SamplingOptions
from flows.report import report
from flows.reporting.samples import grid
from flows.reporting.samples.writing import Report
from tests.support.flows import files_below, reported, retrained
from tests.support.site import eventually

Options = Callable[..., dict[str, Any]]
sampling = SamplingOptions(length=20, samples_each=24)  # at three temperatures


@pytest.fixture
def trained(options: Options, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a model, whose next report has files of ten samples, each a piece."""
    retrained(options())
    monkeypatch.setattr(grid, "samples_of_part", 10)
    monkeypatch.setattr(report_pieces, "least_seconds", 0.0)
    return store


def files_of(store: Path) -> list[Path]:
    """The parts of the report."""
    return sorted((store / "reports/samples/default").glob("*/*-*.parquet"))


def rows_of(store: Path) -> list[list[dict[str, Any]]]:
    """The rows of each of them, times apart."""
    return [
        pq.read_table(file, partitioning=None).drop_columns(["created_at"]).to_pylist()
        for file in files_of(store)
    ]


def task_names() -> list[str]:
    """Names of the task runs of the newest flow run, when all of them are recorded."""
    with get_client(sync_client=True) as client:
        (newest,) = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
        of_it = FlowRunFilter(id=FlowRunFilterId(any_=[newest.id]))
        ended = [run.name for run in client.read_task_runs(flow_run_filter=of_it) if run.end_time]
        return ended if any(name.startswith("publish") for name in ended) else []


def test_rows_and_files_are_the_same_for_any_number_of_threads(
    trained: Path, tmp_path: Path
) -> None:
    """Also where no part is a piece."""
    found = []
    for engine in ("threads:1", "threads:4"):
        copy = tmp_path / engine
        shutil.copytree(trained, copy)
        result = reported(store=str(copy), sampling=sampling, engine=engine)
        found.append((result.report_id, result.rows, rows_of(copy)))

    assert 8 == len(files_of(tmp_path / "threads:4"))
    assert found[0] == found[1]
    names = [name for name in eventually(task_names, within=60) if name.startswith("samples ")]
    assert {f"samples {n}/8 of checkpoint" for n in range(1, 9)} == {
        name.rpartition(" ")[0] for name in names
    }


def test_only_the_parts_that_are_missing_are_drawn(trained: Path) -> None:
    """As after a kill: the others stay as they are, and the summary is written last."""
    first = reported(store=str(trained), sampling=sampling, engine="threads:2")
    rows, files = rows_of(trained), files_of(trained)
    (summary,) = (trained / "reports/summaries/default").glob(f"*/{first.report_id}.parquet")
    for path in (files[2], files[5], files[6], summary):
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in files_of(trained)}

    again = reported(store=str(trained), sampling=sampling, engine="threads:2")

    assert (first.rows, rows) == (again.rows, rows_of(trained))
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert summary.exists()


def test_the_error_of_the_first_part_that_failed_is_told_and_the_others_stay(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are no report yet; the next run writes what is missing."""
    write_part = Report.write_part

    def failing(part_of: Report, number: int, on_drawn: Callable[[int], None]) -> None:
        if number in {3, 6}:
            raise CorpusError(f"part {number} fails")
        write_part(part_of, number, on_drawn)

    with monkeypatch.context() as patched:
        patched.setattr(Report, "write_part", failing)
        with pytest.raises(CorpusError, match="part 3 fails"):
            reported(store=str(trained), sampling=sampling, engine="threads:2")
    assert 6 == len(files_of(trained))

    reported(store=str(trained), sampling=sampling, engine="threads:2")

    assert 8 == len(files_of(trained))


def test_a_dry_run_says_in_how_many_pieces_the_samples_are_drawn(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And draws none."""
    arguments = ["--length=20", "--samples_each=24", "--engine=threads:3", "--dry_run"]
    assert 0 == run(report, [f"--store={trained}", *arguments])

    assert "8 files to draw, in 8 pieces on threads:3" in capsys.readouterr().out
    assert [] == files_of(trained)


def test_a_report_of_one_file_is_one_task(options: Options, store: Path) -> None:
    """And no engine is asked."""
    retrained(options())
    reported(store=str(store), sampling=sampling, engine="threads:4")

    assert ["sample checkpoint"] == [
        name.rpartition(" ")[0]
        for name in eventually(task_names, within=60)
        if name.startswith("sample")
    ]
    assert files_below(store)
