"""Engines: what names one, pieces in threads, and what is refused before anything runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import TypeAdapter, ValidationError

from flows.exceptions import EngineUnavailable, OptionConflict
from flows.parameters import Engine
from flows.runtime.decorators import flow
from flows.runtime.embedded import serving
from flows.runtime.engines import Outcome, Piece, engine_of, executor_of
from flows.runtime.engines.places import check_reach
from tests.support.engine_flow import linger, pieces, refuse

elsewhere = "tcp://192.0.2.1:8786"  # an address that nobody has


@pytest.mark.parametrize(
    "engine",
    ["threads", "threads:1", "threads:64", elsewhere, "tls://scheduler.rnn:8786", "tcp://[::1]:1"],
)
def test_an_engine_is_threads_or_the_address_of_a_scheduler(engine: str) -> None:
    """As in the form."""
    assert engine == TypeAdapter(Engine).validate_python(engine)


@pytest.mark.parametrize(
    "engine",
    ["", "thread", "threads:0", "threads:-1", "threads:x", "threads:1000", "tcp://host", "http://host:1",
     "tcp://user:secret@host:1", "tcp://host:1/path", "tcp://host:123456", " threads", "dask"],
)  # fmt: skip
def test_anything_else_is_refused_by_the_form(engine: str) -> None:
    """And an address with a password."""
    with pytest.raises(ValidationError):
        TypeAdapter(Engine).validate_python(engine)


def test_a_piece_that_fails_stops_no_other() -> None:
    """Whatever the number of threads."""
    arguments = [{"number": number} for number in range(7)]
    expected = [
        [None, f"CorpusError: text {number} cannot be read"] if number % 2 else [number, None]
        for number in range(7)
    ]
    assert expected == pieces("threads:1", "refuse", arguments, [])
    assert expected == pieces("threads:3", "refuse", arguments, [])


def test_pieces_are_taken_in_a_window_of_four_a_worker() -> None:
    """A million of them fit into memory."""
    taken: list[int] = []

    def numbered() -> Iterator[Piece]:
        for number in range(40):
            taken.append(number)
            yield Piece(f"piece {number}", {"number": 2 * number})

    @flow(run_name=lambda: "window", dry_run=())
    def read_slowly() -> list[int]:
        with engine_of("threads:2") as workers:
            return [
                len(taken) - read
                for read, _ in enumerate(workers.outcomes(refuse, numbered()), start=1)
            ]

    ahead: Any = read_slowly()
    assert 40 == len(ahead)
    assert max(ahead) <= 8


def test_what_ends_the_reader_stops_the_pieces_in_progress(tmp_path: Path) -> None:
    """As a signal does, which reaches the main thread alone; those that wait never begin."""
    (tmp_path / "waiting").mkdir()

    @flow(run_name=lambda: "stopped", dry_run=())
    def end_early() -> Outcome | None:
        work = [Piece("first", {"folder": str(tmp_path), "number": 0})]
        others = {"folder": str(tmp_path / "waiting")}
        work += [Piece(f"{number}", {**others, "number": number}) for number in range(1, 6)]
        (tmp_path / "go").touch()
        with engine_of("threads:2") as workers:
            for _ in workers.outcomes(linger, work):
                raise KeyError("the reader")
        return None

    with pytest.raises(KeyError, match="the reader"):
        end_early()
    begun = {path.name.partition("-")[0] for path in (tmp_path / "waiting").glob("[0-9]*")}
    stopped = {path.name for path in (tmp_path / "waiting").glob("stopped-*")}
    assert {f"stopped-{number}" for number in begun} == stopped
    assert len(begun) < 5


def test_a_local_store_is_refused_to_workers_on_other_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sentence, before anything is asked; unless the operator says that they share it."""
    for store in (str(tmp_path), f"file://{tmp_path}", "data/store"):
        with pytest.raises(
            OptionConflict, match="is a folder of this machine, which the workers of"
        ):
            check_reach(elsewhere, [store])
    check_reach(elsewhere, ["s3://bucket/store"])
    check_reach("tcp://127.0.0.1:8786", [str(tmp_path)])

    monkeypatch.setenv("RNN_SHARED_FOLDERS", f"/mnt/other {tmp_path}")
    check_reach(elsewhere, [str(tmp_path / "store")])
    with pytest.raises(OptionConflict):
        check_reach(elsewhere, [f"{tmp_path}-2"])


def test_an_embedded_server_is_refused_to_workers_on_other_machines() -> None:
    """They could not reach it."""
    url = "http://127.0.0.1:1/api"
    serving.add(url)
    try:
        with (
            temporary_settings({PREFECT_API_URL: url}),
            pytest.raises(
                EngineUnavailable, match="cannot reach this run's embedded Prefect server"
            ),
        ):
            check_reach(elsewhere, [])
    finally:
        serving.remove(url)


def test_a_missing_extra_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer has not installed it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "flows.runtime.engines.dask", raising=False)
    with (
        pytest.raises(EngineUnavailable, match="the extra dask is not installed"),
        executor_of("tcp://127.0.0.1:8786"),
    ):
        pass
