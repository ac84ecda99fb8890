"""Control characters and line ends from outside reach no terminal, log or list of runs as they are."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import FlowRunSort

from flows.command_line.entry import run
from flows.command_line.output import say
from flows.exceptions import (
    CorpusError,
    DamagedObject,
    ExpectedError,
    RunConflict,
    StoreError,
)
from flows.ingest import ingest
from flows.reporting.reading import report_lines
from flows.storage import damage
from flows.storage.stores import open_store
from tests.support.lock_holder import hold_lock

hostile = "a\x1b[2J\x9b1m\x7f\u202e\r\nerror: b"
shown = "a\\x1b[2J\\x9b1m\\x7f\\u202e\\r\\nerror: b"


def every_error(base: type[Exception]) -> Iterator[type[Exception]]:
    """A class of errors and all that are derived from it."""
    yield base
    for derived in base.__subclasses__():
        yield from every_error(derived)


def test_every_message_is_one_visible_line() -> None:
    """Whatever the text comes from: the name of a file, a reply, a record."""
    for error in every_error(ExpectedError):
        if error.__module__ != "flows.exceptions":  # its message is made of checked parts
            continue
        names = {"DamagedObject": ("it", hostile), "NewerFormat": (hostile, 2, 1)}
        assert shown in str(error(*names.get(error.__name__, (hostile,))))


@pytest.mark.parametrize(
    "arguments",
    [
        [f"--corpus={hostile}.txt"],
        [f"--corpus=data/*{hostile}.txt"],
        [f"--corpus=http://127.0.0.1:9/{hostile}"],
        [f"--store=file://{hostile}"],
        [f"--{hostile}=1"],
        [f"--encoding={hostile}"],
        [f"--single_writer={hostile}"],
    ],
    ids=["path", "pattern", "URL", "store", "unknown option", "encoding", "value"],
)
def test_what_is_typed_is_shown_visibly(
    arguments: list[str], capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    """A refusal is one line."""
    assert 2 == run(ingest, [f"--store={store}", *arguments])

    errors = capsys.readouterr().err.splitlines()
    assert all(line.isprintable() for line in errors)
    assert 1 == sum(line.startswith("error: ") for line in errors)


class Rude(BaseHTTPRequestHandler):
    """Answers with a reason phrase that controls terminals."""

    def do_GET(self) -> None:
        self.send_response(404, "gone\x1b[2J\x9b1m")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


def test_a_reason_phrase_is_shown_visibly(capsys: pytest.CaptureFixture[str], store: Path) -> None:
    """An HTTP server chooses it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Rude) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/a.txt"
        assert 2 == run(ingest, [f"--corpus={address}", f"--store={store}"])
        server.shutdown()

    assert all(line.isprintable() for line in capsys.readouterr().err.splitlines())


def test_the_text_of_a_lock_is_shown_visibly(tmp_path: Path) -> None:
    """Whoever can write to the store can write it."""
    file = tmp_path / "models/default/lock"
    file.parent.mkdir(parents=True)
    held = open_store(str(tmp_path)).lock(
        "models/default/lock", "model default", wait=False, on_wait=lambda: None
    )
    assert held
    with held:
        file.write_text(hostile)
        with pytest.raises(RunConflict) as refused:
            hold_lock(str(tmp_path), 0)

    assert f"another run ({shown})" in str(refused.value)


def test_log_messages_are_visible(caplog: pytest.LogCaptureFixture) -> None:
    """Those of the packages, and those of tasks."""
    damage.warn(DamagedObject("record", hostile))
    logging.getLogger("flows.storage").warning("of %s", hostile)
    logging.getLogger("prefect.task_runs").warning("of %s", hostile)

    assert [f"record: {shown}; skipped", f"of {shown}", f"of {shown}"] == caplog.messages


def test_the_name_of_a_run_is_visible(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Prefect logs it, too."""
    with pytest.raises(CorpusError):
        ingest(corpus=f"{hostile}.txt", store=str(store))

    with get_client(sync_client=True) as client:
        newest = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)[0]
    assert f"ingest {shown}.txt" == newest.name
    assert newest.state
    assert str(newest.state.message).isprintable()
    assert all(message.isprintable() for message in caplog.messages)


def test_the_command_that_reads_a_report_is_visible_and_works(tmp_path: Path) -> None:
    """Wherever the report is."""
    folder = tmp_path / 'it\'s "a"\x1b[2J\x9b1m\x7f\u202e\\n 日本 $HOME'
    folder.mkdir()
    path = folder / "report.parquet"
    pq.write_table(pa.table({"text": ["first", "second"]}), path)

    command = report_lines(str(path))["read it with"]

    assert command.isprintable()
    read = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "first\n---\nsecond\n" == read.stdout


def test_what_is_said_is_visible(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, where the terminal is."""
    say(str(StoreError(hostile)))
    say(hostile)

    assert f"{shown}\n{shown}\n" == capsys.readouterr().err
