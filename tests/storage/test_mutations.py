"""The fault tests are worth their time: each deliberate bug makes a named test fail."""

from __future__ import annotations

import inspect
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows.storage import checkpoints, garbage, local_store, log, reports
from flows.storage.exceptions import StorageError, StoreError
from flows.storage.files import Store
from tests.storage import (
    test_checkpoint_conflicts,
    test_damaged_checkpoints,
    test_faults,
    test_files,
    test_garbage,
    test_local_store,
    test_log,
    test_reports,
)


class Mutant(NamedTuple):
    """A bug: in the source of `owner.name` what stands in `sound` is replaced by `wrong`."""

    bug: str
    owner: Any
    name: str
    sound: str
    wrong: str
    caught_by: Callable[..., None]
    arguments: Mapping[str, Any] = types.MappingProxyType({})  # of the test, besides fixtures


commit, create = (checkpoints.CheckpointLog, "commit"), (local_store.LocalStore, "create")
append, temporary = (log.Log, "append"), (local_store.LocalStore, "_temporary")
last = (local_store.LocalStore, "_make_last")
link = "os.link(temporary, self._root / path)"
put = "self._store.put(self.payload_path(content.digest), data)\n"
appended = 'self._append("checkpoint", content, after).parse(CheckpointRecord)'
power = test_faults.test_a_loss_of_power_loses_nothing
lost_reply = test_log.test_a_lost_reply_is_not_a_lost_race
reply = {"error": StoreError("timed out")}
local_damage = {"kind": "local"}

mutants = [
    Mutant(
        "record before payload",
        *commit,
        f"{put}    return {appended}",
        f"record = {appended}\n    {put}    return record",
        power,
    ),
    Mutant("file not synced", *temporary, "os.fsync(file.fileno())", "pass", power),
    Mutant("folder not synced", *last, "_sync_folder((self._root / path).parent)", "pass", power),
    Mutant(
        "new folder not synced",
        *(local_store, "make_folders"),
        *("        _sync_folder(folder.parent)", "        pass"),
        power,
    ),
    Mutant(
        "folder's failed sync ignored",
        *append,
        *("except StoreError as error:", "except StorageError as error:"),
        test_faults.test_a_failing_disk_loses_nothing,
    ),
    Mutant(
        "token from a second listing",
        *commit,
        *("content, after)", "content, self.head())"),
        test_checkpoint_conflicts.test_another_checkpoint_of_another_run_is_a_conflict,
    ),
    Mutant(
        "no read-back",
        *append,
        *("found = self.read(after + 1)", "raise error"),
        *(lost_reply, reply),
    ),
    Mutant(
        "read-back takes every record for another's",
        *append,
        *('found.nonce != record["nonce"]', "True"),
        *(lost_reply, reply),
    ),
    Mutant(
        "read-back takes every record for its own",
        *append,
        *('found.nonce != record["nonce"]', "False"),
        test_log.test_a_number_that_is_taken_names_its_winner,
    ),
    Mutant(
        "rename instead of link",
        *create,
        *(link, "temporary.replace(self._root / path)"),
        test_files.test_create_refuses_what_is_there,
    ),
    Mutant(
        "a look, then a rename",
        *create,
        link,
        "path in self.names('') or temporary.replace(self._root / path)",
        test_files.test_of_racing_writers_exactly_one_wins,
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
        test_local_store.test_nothing_temporary_stays_after_success_or_a_lost_race,
    ),
    Mutant(
        "payload's digest not checked",
        *(checkpoints.CheckpointLog, "read"),
        *("digest(data) != record.digest", "False"),
        *(test_faults.test_damage_is_reported, local_damage),
    ),
    Mutant(
        "record's checksum not checked",
        *(log, "parse_record", "checksum != computed", "False"),
        test_log.test_every_flipped_bit_and_every_truncation_is_noticed,
    ),
    Mutant(
        "no fallback",
        *(checkpoints.CheckpointLog, "newest", "problems.append(error)", "raise"),
        test_damaged_checkpoints.test_a_damaged_payload_is_named_and_the_one_before_it_found,
        {"damage": None, "reason": "is missing"},
    ),
    Mutant(
        "report's digest not checked",
        *(reports, "_load", "digest(data) !=", "False and"),
        test_reports.test_a_report_that_is_not_what_was_noted_is_refused,
    ),
    Mutant(
        "garbage without grace",
        *(garbage, "_unnamed_payloads", 'store.leftovers(f"{folder}/data", grace)'),
        'store.leftovers(f"{folder}/data", -1)',
        test_garbage.test_a_payload_without_a_record_goes_after_the_grace,
    ),
]


@pytest.fixture
def fixtures(
    tmp_path: Path, local: Store, hasty_threads: None, count: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """What the tests ask for by name."""
    del hasty_threads, count
    run = checkpoints.CheckpointLog(local, "default", test_garbage.run_id)
    with pytest.MonkeyPatch.context() as patch:
        yield {
            "tmp_path": tmp_path,
            "store": local,
            "local": local,
            "log": run,
            "monkeypatch": patch,
            "count": lambda _: None,
        }


@pytest.mark.parametrize("mutant", mutants, ids=lambda mutant: mutant.bug.replace(" ", "-"))
def test_each_bug_is_caught(
    mutant: Mutant, fixtures: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test that stands for it passes without the bug elsewhere, and fails with it here."""
    if "log" in inspect.signature(mutant.caught_by).parameters:
        test_garbage.fill(fixtures["log"], fixtures["store"])
    function = inspect.unwrap(vars(mutant.owner)[mutant.name])
    monkeypatch.setattr(function, "__code__", with_bug(function, mutant).__code__)
    asked = inspect.signature(mutant.caught_by).parameters
    arguments = {name: value for name, value in fixtures.items() if name in asked}

    with pytest.raises((AssertionError, StorageError, pytest.fail.Exception)):
        mutant.caught_by(**(arguments | dict(mutant.arguments)))


def with_bug(function: types.FunctionType, mutant: Mutant) -> types.FunctionType:
    """The function made anew from its source, with the bug in it."""
    source = textwrap.dedent(inspect.getsource(function))
    assert 1 == source.count(mutant.sound), "the bug's place is gone: plant it anew"
    code = f"from __future__ import annotations\n{source.replace(mutant.sound, mutant.wrong)}"
    made: dict[str, Any] = {}
    exec(code, vars(sys.modules[function.__module__]), made)
    found: types.FunctionType = inspect.unwrap(made[mutant.name])
    return found
