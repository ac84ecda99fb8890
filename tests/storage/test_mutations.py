"""Mutation tests: each deliberate bug makes a named test fail."""

from __future__ import annotations

import inspect
import sys
import textwrap
import types
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows.storage import checkpoints, garbage, log, reports, stores
from flows.storage.backends import durable_folders, local


class Mutant(NamedTuple):
    """A bug: in the source of `owner.name`, `right` is replaced by `wrong`."""

    bug: str
    owner: Any
    name: str
    right: str
    wrong: str
    caught_by: str  # a test of this folder, as pytest names it


commit, create = (checkpoints.CheckpointLog, "commit"), (local.LocalStore, "create")
append, temporary = (log.Log, "append"), (local.LocalStore, "_temporary")
durable = (local.LocalStore, "_make_durable")
read_back = (stores, "create_or_read")
link = "os.link(temporary, self._root / path)"
put = "self._store.put(self.payload_path(content.digest), data)\n"
appended = (
    'record = self._log.append_past("checkpoint", content, self._is_same(content), after=after)\n'
)
power = "test_faults.py::test_power_loss_loses_nothing"
lost_reply = "test_log.py::test_a_lost_reply_is_not_a_lost_race[local-error0]"

mutants = [
    Mutant(
        "record before payload",
        *commit,
        f"{put}    {appended}",
        f"{appended}    {put}",
        power,
    ),
    Mutant("file not synced", *temporary, "os.fsync(file.fileno())", "pass", power),
    Mutant(
        "folder not synced",
        *durable,
        "durable_folders.sync_folder((self._root / path).parent)",
        "pass",
        power,
    ),
    Mutant(
        "new folder not synced",
        *(durable_folders, "make_folders"),
        *("        sync_folder(folder.parent)", "        pass"),
        power,
    ),
    Mutant(
        "folder's failed sync ignored",
        *read_back,
        *("except StoreError as error:", "except StorageError as error:"),
        "test_faults.py::test_a_failing_disk_loses_nothing",
    ),
    Mutant(
        "number from a second listing",
        *commit,
        *("after=after", "after=self.head()"),
        "test_checkpoint_conflicts.py::test_a_different_checkpoint_of_another_run_is_a_conflict[local]",
    ),
    Mutant("no read-back", *read_back, "found = read()", "raise error", lost_reply),
    Mutant(
        "read-back takes every record for a foreign one",
        *append,
        *('found.nonce != record["nonce"]', "True"),
        lost_reply,
    ),
    Mutant(
        "read-back takes every record for its own",
        *append,
        *('found.nonce != record["nonce"]', "False"),
        "test_log.py::test_a_conflict_names_the_winner[local]",
    ),
    Mutant(
        "rename instead of link",
        *create,
        *(link, "temporary.replace(self._root / path)"),
        "test_stores.py::test_create_refuses_an_existing_object[local]",
    ),
    Mutant(
        "a check, then a rename",
        *create,
        link,
        "path in self.names('') or temporary.replace(self._root / path)",
        "test_stores.py::test_exactly_one_of_racing_writers_wins[local]",
    ),
    Mutant(
        "fsspec's own create",
        *create,
        link,
        '__import__("fsspec").filesystem("file").pipe_file(str(self._root / path), data, mode="create")',
        power,
    ),
    Mutant(
        "temporary file left behind",
        *temporary,
        *("temporary.unlink(missing_ok=True)", "pass"),
        "test_local_store.py::test_no_temporary_file_is_left_after_success_or_a_lost_race",
    ),
    Mutant(
        "payload's digest not checked",
        *(checkpoints.CheckpointLog, "_read"),
        *("digest(data) != record.digest", "False"),
        "test_faults.py::test_damage_is_reported[local]",
    ),
    Mutant(
        "record's checksum not checked",
        *(log, "parse_record", "checksum != computed", "False"),
        "test_log.py::test_every_flipped_bit_and_every_truncation_is_detected",
    ),
    Mutant(
        "no fallback",
        *(checkpoints.CheckpointLog, "newest"),
        'warn(error, "going on from the newest intact checkpoint")',
        "raise",
        "test_corrupt_checkpoints.py"
        "::test_a_corrupt_payload_is_reported_and_the_one_before_it_is_found[local-missing]",
    ),
    Mutant(
        "report's digest not checked",
        *(reports, "_verified", "digest(data) !=", "False and"),
        "test_reports.py::test_a_report_that_differs_from_its_manifest_is_refused",
    ),
    Mutant(
        "garbage removed without a grace period",
        *(garbage, "_unnamed_payloads", "time.time()) - grace", "time.time()) + 1"),
        "test_garbage.py::test_a_payload_without_a_record_is_removed_after_the_grace_period[local]",
    ),
]


class Outcomes:
    """A pytest plugin that counts how tests ended."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of the test, or of its fixtures if they failed."""
        if report.failed:
            self.failed.append(f"{report.when}: {report.longreprtext}")
        elif report.when == "call":
            self.passed.append(report.nodeid)


@pytest.mark.parametrize("mutant", mutants, ids=lambda mutant: mutant.bug.replace(" ", "-"))
def test_each_bug_is_caught(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The named test passes without the bug in its own file, and fails here with the bug."""
    function = inspect.unwrap(vars(mutant.owner)[mutant.name])
    monkeypatch.setattr(function, "__code__", with_bug(function, mutant).__code__)
    test, outcomes = f"{Path(__file__).parent}/{mutant.caught_by}", Outcomes()

    pytest.main(["-p", "no:cacheprovider", "-p", "no:xdist", "-q", test], plugins=[outcomes])

    assert [] == outcomes.passed, capfd.readouterr().out
    assert 1 == len(outcomes.failed), capfd.readouterr().out
    assert outcomes.failed[0].startswith("call: ")


def with_bug(function: types.FunctionType, mutant: Mutant) -> types.FunctionType:
    """The function compiled from its source, with the bug in it."""
    source = textwrap.dedent(inspect.getsource(function))
    assert 1 == source.count(mutant.right), "the source has changed: adapt the mutant"
    code = f"from __future__ import annotations\n{source.replace(mutant.right, mutant.wrong)}"
    made: dict[str, Any] = {}
    exec(code, vars(sys.modules[function.__module__]), made)
    found: types.FunctionType = inspect.unwrap(made[mutant.name])
    return found
