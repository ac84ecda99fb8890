"""README's queries run as they stand, and the libraries agree, also in a folder called `model=x`."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from flows.answers import answer
from flows.parameters import SamplingOptions
from flows.report import report
from flows.retrain import retrain

readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
section = readme.partition("## Reading reports")[2].partition("\n## ")[0]
blocks = re.findall(r"```(sql|python)\n(.*?)```", section, flags=re.DOTALL)
samples_sql, weeks_sql = [code for language, code in blocks if language == "sql"]
pandas_code, polars_code = [code for language, code in blocks if language == "python"]

weeks = ("2026-W47", "2026-W48")


@pytest.fixture
def nights(
    tmp_path: Path, options: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A trained model with a report in each of two weeks; the working directory is where it is."""
    folder = tmp_path / "model=x" / "year=7"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    retrain(**options(store="data/store"))
    for week in weeks:
        monkeypatch.setattr("flows.report.week_of", lambda _, week=week: week)
        report(store="data/store", sampling=SamplingOptions(always=True, length=50))
    answer("tables", store="data/store")
    return folder


def ask(query: str) -> duckdb.DuckDBPyRelation:
    """What DuckDB finds."""
    found = duckdb.sql(query)
    assert found is not None
    return found


def run(code: str) -> Any:
    """The `answer` of a block of Python, and that it prints something."""
    found: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, found)
    assert printed.getvalue()
    return found


def test_duckdb_pandas_and_polars_answer_the_same(nights: Path) -> None:  # noqa: ARG001 - made for it
    """A row for each checkpoint and temperature, with the values of the files' own columns."""
    wanted = ask(samples_sql).fetchall()

    in_pandas = run(pandas_code)["answer"].round({"nats": 3, "copied": 4}).reset_index()
    answer = run(polars_code)["answer"].sort("iteration", "temperature").collect()

    assert [0.5, 0.8, 1.0] == [row[1] for row in wanted]
    assert {12} == {row[2] for row in wanted}, "three reports of four samples each"
    pd.testing.assert_frame_equal(
        pd.DataFrame(wanted, columns=list(in_pandas.columns)), in_pandas, check_dtype=False
    )
    assert wanted == answer.rows()


def test_a_week_is_compared_with_the_last_one_and_joined_with_the_decision(nights: Path) -> None:  # noqa: ARG001
    """The champion is the same, so its likelihood and copying are, and the version is the first."""
    rows = ask(weeks_sql).fetchall()

    assert [(weeks[1], t, 0) for t in (0.5, 0.8, 1.0)] == [row[:3] for row in rows]
    assert {"there was no champion"} == {row[3] for row in rows}
    assert all(row[4] == row[5] and row[4] > 0 for row in rows)
    assert all(row[6] is not None and row[7] is not None for row in rows)


def test_no_column_is_taken_from_the_name_of_a_folder(nights: Path) -> None:
    """The model is that of the file; nothing is called `year`."""
    table = samples_sql.partition("FROM")[2].partition("WHERE")[0]
    described = ask(f"FROM {table}")

    assert "year" not in described.columns
    assert [("default",)] == described.select("model").distinct().fetchall()
    assert nights.name == "year=7"
