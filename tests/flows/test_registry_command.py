"""The command and the flow `registry`: what they print, what they refuse, and that they agree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from flows.answers import answer
from flows.command_line.parsing import form_of, meanings_of, parse
from flows.command_line.registry import run
from flows.exceptions import OptionConflict, UnknownObject
from flows.registry import registry
from flows.registry_results import ChoiceResult, ExportResult, TablesResult
from flows.report import report
from flows.storage.registry import Registry
from flows.storage.stores import open_store
from tests.support.decisions import decided
from tests.support.flows import files_below
from tests.support.states import commit, open_log

Printed = tuple[int, str, str]
Command = Callable[..., Printed]


@pytest.fixture
def command(store: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command on model `m` of the store; its status and what it printed."""

    def call(*arguments: str) -> Printed:
        status = run([*arguments, "--model=m", f"--store={store}"])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def versions(store: Path) -> Registry:
    """A model with versions 0 (promoted), 1 (rejected) and 2 (promoted, the champion)."""
    return decided(open_store(str(store)), "prp")


def listed(command: Command) -> list[dict[str, Any]]:
    """The versions, as JSON."""
    status, printed, _ = command("list", "--json")
    assert 0 == status
    assert 1 == printed.count("\n")
    found: list[dict[str, Any]] = json.loads(printed)
    return found


def newest_run() -> FlowRun:
    """The flow run that was started last."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]


def test_versions_are_one_array_on_one_line(command: Command, versions: Registry) -> None:
    """Oldest first, one of them the champion."""
    found = listed(command)

    assert [
        [
            "version",
            "champion",
            "run_id",
            "checkpoint_digest",
            "bits_per_character",
            "decision",
            "reason",
            "time",
        ]
    ] * 3 == [list(version) for version in found]
    assert [0, 1, 2] == [version["version"] for version in found]
    assert [False, False, True] == [version["champion"] for version in found]
    assert ["promoted", "rejected", "promoted"] == [version["decision"] for version in found]
    assert versions.version(2).version.digest == found[2]["checkpoint_digest"]
    assert [4.0, 3.9, 3.8] == [version["bits_per_character"] for version in found]


@pytest.mark.usefixtures("versions")
def test_a_rollback_is_no_version_and_shows_in_those_after_its_target(command: Command) -> None:
    """A promotion by hand is a new one of the same checkpoint."""
    status, printed, _ = command("rollback", "--reason", "too many commas")
    back = listed(command)
    command("promote", "--version=1")
    promoted = listed(command)

    assert 0 == status
    assert "rolled back from version 2 to version 0 (too many commas)" in printed
    assert ["promoted", "rolled_back", "rolled_back"] == [v["decision"] for v in back]
    assert [True, False, False] == [version["champion"] for version in back]
    assert [0, 1, 2, 4] == [version["version"] for version in promoted]
    assert promoted[1]["checkpoint_digest"] == promoted[3]["checkpoint_digest"]
    assert [4] == [version["version"] for version in promoted if version["champion"]]


@pytest.mark.usefixtures("versions")
def test_a_list_is_a_table_for_people(command: Command) -> None:
    status, printed, _ = command("list")

    assert 0 == status
    lines = printed.splitlines()[2:]
    assert ["version 0", "version 1", "version 2"] == [line.strip()[:9] for line in lines]
    assert [False, False, True] == ["champion" in line for line in lines]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rollback", "--version=7"], "model m has no version 7: they are 0 to 2"),
        (["rollback", "--version=1"], "version 1 of model m was never champion: promote it"),
        (["rollback", "--version=2"], "version 2 of model m is the champion already"),
        (["promote"], "promote needs --version: list shows the versions"),
        (["promote", "--version=2"], "has the checkpoint of the champion, version 2, already"),
        (["promote", "--version=x"], "--version: input should be a valid integer"),
        (["promote", "--version=-1"], "--version: input should be greater than or equal to 0"),
        (["rollback", f"--reason={'x' * 1001}"], "--reason: string should have at most 1000"),
        (["show", "--version=1", f"--report={'0' * 16}"], "show takes one of --version and --rep"),
        (["show", "--reason=x"], "show takes no --reason: its options are --version, --report"),
        (["list", "--version=1"], "list takes no --version: its options are --model and --store"),
        (["list", "--model=nope"], "model nope has no versions in"),
        (["remove"], "'rollback', 'page', 'export' or 'tables', found 'remove'"),
        (["tables", "--version=1"], "tables takes no --version: its options are --model and"),
        (["list", "--folder=x"], "list takes no --folder: its options are --model and --store"),
        (["export", "--version=7"], "model m has no version 7: they are 0 to 2"),
        (["export", "--folder="], "--folder: string should have at least 1 character"),
        (["export", "--folder=s3://me:secret@b/x"], "the folder 's3://b/x' carries credentials"),
        (["export", "--folder=https://host/x"], "cannot be written to: use a folder, s3"),
        (["tables", "--model=nope"], "no model nope in"),
        (["list", "--model=../m"], "--model: string should match pattern"),
    ],
    ids=str,
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    store: Path,
    versions: Registry,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    """Exit status 2."""
    before = {file: file.read_bytes() for file in files_below(store)}

    status = run([arguments[0], "--model=m", f"--store={store}", *arguments[1:]])

    printed, errors = capsys.readouterr()
    assert (2, "") == (status, printed)
    assert errors.startswith("error: ")
    assert sentence in errors
    assert 1 == errors.count("\n")
    assert before == {file: file.read_bytes() for file in files_below(store)}
    assert 2 == next(versions.history().champions())


@pytest.mark.parametrize("action", ["list", "show", "rollback", "page", "export"])
def test_a_store_that_does_not_exist_is_not_made(
    command: Command, store: Path, action: str
) -> None:
    status, _, errors = command(action)

    assert 2 == status
    assert "model m has no versions in" in errors
    assert not store.exists()


def test_a_store_with_a_secret_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence does not repeat it."""
    status = run(["list", "--store=s3://me:hidden@bucket/store"])

    assert 2 == status
    assert "hidden" not in capsys.readouterr().err


@pytest.mark.usefixtures("versions")
def test_a_dry_run_changes_nothing(command: Command) -> None:
    """It says what would be decided."""
    status, printed, _ = command("rollback", "--dry_run")

    assert 0 == status
    assert "dry run: nothing was written" in printed
    assert "rolled back from version 2 to version 0" in printed
    assert [False, False, True] == [version["champion"] for version in listed(command)]


@pytest.mark.usefixtures("versions")
def test_a_note_controls_no_terminal(command: Command) -> None:
    """Whatever a person wrote; JSON has it as it is."""
    note = "a\x1b[2J\nb"

    _, printed, _ = command("rollback", f"--reason={note}")
    _, again, _ = command("promote", "--version=2", f"--reason={note}", "--json")

    assert "a\\x1b[2J\\nb" in printed
    assert "\x1b[2J" not in printed + again
    assert note == json.loads(again)["note"]


@pytest.mark.usefixtures("versions")
def test_the_chain_of_a_version_is_printed(command: Command) -> None:
    """Checkpoint, run, dataset, files, corpus, parents; as JSON too."""
    status, printed, _ = command("show")
    chain = json.loads(command("show", "--json")[1])["chain"]

    assert 0 == status
    for part in ("checkpoint", "run", "trained on", "file 1", "corpus", "parent", "code"):
        assert f"  {part} " in printed
    assert [2, 0] == [origin["versions"][0] for origin in chain]
    assert chain[1]["checkpoint"] in printed


@pytest.mark.usefixtures("versions")
def test_a_page_is_drawn_where_it_says(command: Command, store: Path) -> None:
    status, printed, _ = command("page", "--json")

    assert (0, str(store / "reports/pages/m.html")) == (status, json.loads(printed)["page_url"])
    assert "Model m" in (store / "reports/pages/m.html").read_text()


def test_a_version_is_exported_once(command: Command, versions: Registry, store: Path) -> None:
    """As JSON the files that are new are named; the second time there are none."""
    first, again = (json.loads(command("export", "--json")[1]) for _ in range(2))

    assert (2, versions.version(2).version.digest) == (first["version"], first["checkpoint_digest"])
    assert str(store / "exports/m/2") == first["folder_url"]
    assert sorted(first["sizes"]) == sorted(first["written"])
    assert [] == again["written"]
    assert "there already" in command("export")[1]


@pytest.mark.usefixtures("versions")
def test_tables_are_written_where_it_says(command: Command, store: Path) -> None:
    _, planned, _ = command("tables", "--dry_run", "--json")
    assert not (store / "reports/training").exists()
    _, printed, _ = command("tables", "--json")

    assert json.loads(planned) == json.loads(printed)
    found = json.loads(printed)
    assert [3, 3] == [found["checkpoints"], found["decisions"]]
    assert Path(found["checkpoints_url"]).is_file()
    assert Path(found["decisions_url"]).is_file()


def test_the_command_takes_what_the_form_takes() -> None:
    """The same names, types, defaults and meanings."""
    form = form_of(registry)
    command_hints = get_type_hints(answer, include_extras=True)
    flow_hints = get_type_hints(registry.fn, include_extras=True)

    assert dict(form.meanings) == meanings_of(answer)
    assert list(form.parameters) == [name for name in command_hints if name in form.meanings]
    for name in form.parameters:
        assert flow_hints[name] == command_hints[name]
    assert parse(registry, []).model_dump()["action"] == "list"


@pytest.mark.parametrize("name", ["flows", "flows.registry"])
def test_the_command_needs_no_prefect(store: Path, versions: Registry, name: str) -> None:
    """Neither a server nor the time to import it."""
    program = (
        "import runpy, sys, atexit\n"
        "atexit.register(lambda: print('prefect' in sys.modules))\n"
        f"sys.argv = ['x', *sys.argv[1:]]\nrunpy.run_module({name!r}, run_name='__main__')"
    )
    first = ["registry"] if name == "flows" else []
    arguments = [*first, "list", "--json", "--model=m", f"--store={store}"]

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )

    printed, imported = done.stdout.splitlines()
    assert "False" == imported
    assert len(versions.history().entries) == len(json.loads(printed))


def test_the_flow_decides_as_the_command_does(store: Path, versions: Registry) -> None:
    """Its state and tags say what was decided, in the list of runs."""
    found = registry(action="rollback", model="m", reason="by form", store=str(store))

    assert isinstance(found, ChoiceResult)
    assert (0, "by form") == (found.champion, found.note)
    assert 0 == next(versions.history().champions())
    ran = newest_run()
    assert ran.name.startswith("rollback m 20")
    assert ran.state
    assert ("Rolled Back", ["rolled back"]) == (ran.state.name, ran.tags)
    assert found.sentence == ran.state.message


def test_the_flow_exports_as_the_command_does(store: Path, versions: Registry) -> None:
    """Its state says where, and that nothing is new the second time."""
    place: dict[str, Any] = {"action": "export", "model": "m", "store": str(store)}
    found = registry(**place, version=1, folder=str(store.parent / "given"))

    assert isinstance(found, ExportResult)
    assert versions.version(1).version.digest == found.checkpoint_digest
    assert (store.parent / "given/model.safetensors").is_file()
    assert (state := newest_run().state)
    assert ("Exported", found.sentence) == (state.name, state.message)
    registry(**place, version=1, folder=str(store.parent / "given"))
    assert (state := newest_run().state)
    assert "Unchanged" == state.name


def test_the_flow_writes_tables_of_a_model_without_a_decision(store: Path) -> None:
    """Curves are there before anything is decided; a page is not."""
    commit(open_log(open_store(str(store))), 3)

    found = registry(action="tables", store=str(store))

    assert isinstance(found, TablesResult)
    assert (1, 0) == (found.checkpoints, found.decisions)


@pytest.mark.usefixtures("versions")
def test_the_flow_refuses_as_the_command_does(store: Path) -> None:
    with pytest.raises(UnknownObject, match="model m has no version 7: they are 0 to 2"):
        registry(action="promote", model="m", version=7, store=str(store))
    with pytest.raises(OptionConflict, match="promote needs --version"):
        registry(action="promote", model="m", store=str(store))


def test_a_report_is_about_the_version_that_is_asked_for(store: Path, versions: Registry) -> None:
    """Also of one that was rejected, and after a rollback of the champion then."""
    sampling = {"length": 5, "samples_each": 1}
    place: dict[str, Any] = {"model": "m", "store": str(store), "sampling": sampling}
    digests = [versions.version(number).version.digest for number in range(3)]

    assert digests[1] == report(version=1, **place).checkpoint_digest
    assert digests[2] == report(**place).checkpoint_digest
    registry(action="rollback", model="m", store=str(store))
    assert digests[0] == report(**place).checkpoint_digest
    with pytest.raises(OptionConflict, match="a report is about a run_id or a version"):
        report(version=1, run_id=versions.version(1).version.run_id, **place)
    with pytest.raises(UnknownObject, match="model m has no version 3: record 3 is a rollback"):
        report(version=3, **place)
