"""The `fleet` flow: a table of models, retrained or found unchanged, and what came of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentTaskRunId
from prefect.context import TaskRunContext
from prefect.states import Cancelling

from flows import retrain_model
from flows.command_line.entry import run
from flows.display.artifacts import artifact_key
from flows.exceptions import BadModels, FleetFailed
from flows.fleet import fleet
from flows.fleet_result import FleetResult
from flows.runtime.engines import workers
from flows.runtime.subflow import run_subflow
from flows.storage import Registry, open_store
from flows.storage.fleets import columns
from tests.support.artifacts import newest_artifact
from tests.support.outcome_files import newest_outcomes

Row = dict[str, Any]
Table = Callable[..., str]
few: Row = {
    "training": {"hidden_size": 8, "epochs": 1},
    "sampling": {"length": 20, "samples_each": 1},
}


@pytest.fixture
def table(tmp_path: Path, text: str) -> Table:
    """Writes a table of models, each with a text of its own; its path."""

    def write(*models: str, **changes: Row) -> str:
        rows = []
        for model in models:
            corpus = tmp_path / f"{model}.txt"
            if not corpus.exists():
                corpus.write_text(f"{model} {text}"[: 5000 + 100 * len(model)])
            rows.append({"model": model, "corpus": str(corpus)} | changes.get(model, {}))
        file = tmp_path / "models.json"
        file.write_text(json.dumps({"defaults": few, "models": rows}))
        return str(file)

    return write


def retrained(models: str, store: Path, **parameters: Any) -> FleetResult:
    return cast("FleetResult", fleet(models=models, store=str(store), **parameters))


def outcomes(store: Path) -> dict[str, Row]:
    """The rows of the newest file, by model."""
    return {row["model"]: row for row in newest_outcomes(store)}


def checkpoints(store: Path) -> dict[str, str]:
    """The digest of each model's champion."""
    found = {}
    for folder in sorted((store / "models").iterdir()):
        champion = Registry(open_store(str(store)), folder.name).champion()
        assert champion
        found[folder.name] = champion.version.digest
    return found


def test_every_model_is_retrained_and_the_next_night_finds_them_unchanged(
    table: Table, store: Path
) -> None:
    """Each night writes its file; the second has no run of `retrain`."""
    models = table("a", "b", "c")
    first, rows = retrained(models, store), outcomes(store)
    second, later = retrained(models, store), outcomes(store)

    assert (3, 3, 0, 1.0) == (first.models, first.promoted, first.failed, first.success)
    assert (3, "unchanged") == (second.unchanged, second.outcome)
    assert 2 == len(list((store / "reports/fleet").rglob("*.parquet")))
    assert [column.name for column in columns] == list(rows["a"])
    for name, row in rows.items():
        entry = Registry(open_store(str(store)), name).history().entries[0]
        assert (0, "promoted", entry.version.digest, entry.version.run_id) == (
            row["version"],
            row["outcome"],
            row["checkpoint_digest"],
            row["run_id"],
        )
        assert entry.version.bits_per_character == row["held_out_bits_after"]
        assert (row["gain"], row["held_out_bits_before"], row["error"]) == (None, None, None)
        assert entry.version.characters == row["characters"]
        assert row["flow_run_id"]
        assert later[name]["flow_run_id"] is None
        assert (row["checkpoint_digest"], "unchanged", row["bytes"]) == (
            later[name]["checkpoint_digest"],
            later[name]["outcome"],
            later[name]["bytes"],
        )


def test_only_what_changed_is_retrained(table: Table, store: Path, tmp_path: Path) -> None:
    """Its row has the bits of the champion before, its own and the gain."""
    models = table("a", "b")
    retrained(models, store)
    with (tmp_path / "b.txt").open("a") as file:
        file.write("the harbour bell rang twice in the fog that night.\n" * 100)
    found = retrained(models, store)
    rows = outcomes(store)

    decided = Registry(open_store(str(store)), "b").history().entries[0].version
    assert ("unchanged", 1) == (rows["a"]["outcome"], found.unchanged)
    assert (1, decided.decision) == (rows["b"]["version"], rows["b"]["outcome"])
    assert (decided.gain, decided.champion_bits_per_character, decided.bits_per_character) == (
        rows["b"]["gain"],
        rows["b"]["held_out_bits_before"],
        rows["b"]["held_out_bits_after"],
    )
    assert (decided.gain, "b") == (found.best_gain, found.best_model)


def test_the_number_of_threads_changes_no_byte(table: Table, tmp_path: Path) -> None:
    models = table("a", "b", "c", "d", "e")
    one, four = tmp_path / "one", tmp_path / "four"
    retrained(models, one, engine="threads:1")
    retrained(models, four, engine="threads:4")

    assert checkpoints(one) == checkpoints(four)


def test_a_model_that_fails_stops_no_other(table: Table, store: Path, tmp_path: Path) -> None:
    """Its row says why; the next run retrains it alone."""
    models = table("a", "bad", "c")
    text = (tmp_path / "bad.txt").read_text()
    (tmp_path / "bad.txt").write_text("x")
    found = retrained(models, store, minimum_success=0.5)
    rows = outcomes(store)
    (tmp_path / "bad.txt").write_text(text)
    mended = retrained(models, store)

    assert (2, 1, "partly failed") == (found.promoted, found.failed, found.outcome)
    assert "a single distinct character" in rows["bad"]["error"]
    assert rows["bad"]["flow_run_id"]
    assert ("failed", None, None) == (
        rows["bad"]["outcome"],
        rows["bad"]["version"],
        rows["bad"]["run_id"],
    )
    assert found.failures == {"bad": rows["bad"]["error"]}
    assert (1, 2, 0) == (mended.promoted, mended.unchanged, mended.failed)


def test_a_model_is_tried_again_where_the_server_did_not_answer(
    table: Table, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is not the model's fault."""
    calls = []

    def call(flow: Any, **parameters: Any) -> Any:
        calls.append(parameters["model"])
        if len(calls) == 1:
            raise httpx.ConnectError("no answer")
        return run_subflow(flow, **parameters)

    monkeypatch.setattr(retrain_model, "run_subflow", call)
    found = retrained(table("a"), store)

    assert (["a", "a"], 1) == (calls, found.promoted)


def test_too_few_successes_are_a_failure_that_names_them(
    table: Table, store: Path, tmp_path: Path
) -> None:
    """The others are retrained, and the file is written, all the same."""
    models = table("a", "bad", "c")
    (tmp_path / "bad.txt").unlink()

    with pytest.raises(FleetFailed, match=r"1 of 3 models .* 66\.7% .* 100\.0%: bad: the corpus"):
        fleet(models=models, store=str(store))
    state = fleet(models=models, store=str(store), return_state=True)

    assert state.is_failed()
    assert {"a", "c"} == set(checkpoints(store))
    assert ["unchanged", "failed", "unchanged"] == [
        row["outcome"] for row in outcomes(store).values()
    ]


def test_a_gate_that_fails_fails_one_model(table: Table, store: Path, tmp_path: Path) -> None:
    """Its champion stays."""
    models = table("a", "b")
    retrained(models, store)
    before = checkpoints(store)
    half = (tmp_path / "b.txt").read_text()
    (tmp_path / "b.txt").write_text(half[: len(half) // 2])
    found = retrained(models, store, minimum_success=0.0)

    assert (1, 1) == (found.unchanged, found.failed)
    assert "gates.size" in outcomes(store)["b"]["error"]
    assert before == checkpoints(store)


def test_a_bad_row_stops_the_fleet_before_anything_is_trained(table: Table, store: Path) -> None:
    models = table("a", "b", b={"training": {"epochs": 0}})

    with pytest.raises(BadModels, match=r"row 2 \(model b\): training\.epochs: .* found 0"):
        fleet(models=models, store=str(store))
    assert not store.exists()


def test_the_page_shows_who_failed_first_and_text_from_outside_as_code(
    table: Table, store: Path, tmp_path: Path
) -> None:
    """With a picture of the gains; a retraining's own page and run are there, too."""
    models = table("a", "bad")
    odd = tmp_path / "![](http:x) `|`.txt"
    odd.write_text("x")
    content = json.loads(Path(models).read_text())
    content["models"][1]["corpus"] = str(odd)
    Path(models).write_text(json.dumps(content))
    retrained(models, store, minimum_success=0)

    page = str(newest_artifact(artifact_key("fleet", str(store), "of-models")).data)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert ["` bad `", "` a `"] == [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert "data:image/png;base64," in page
    assert "![](http:x)" not in page.replace(rows[0], "")
    assert "`` the corpus" in rows[0]
    assert "\\x7c" in rows[0]
    assert (store / "reports/pages/a.html").exists()
    assert "a.html" in (store / "reports/pages/index.html").read_text()
    assert outcomes(store)["a"]["flow_run_id"] in retrain_runs()


def retrain_runs() -> set[str]:
    """The runs that a task called."""
    with get_client(sync_client=True) as client:
        parent = FlowRunFilterParentTaskRunId(is_null_=False)
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_task_run_id=parent), limit=200
        )
    return {str(each.id) for each in found}


def test_the_list_of_runs_says_what_came_of_a_fleet(table: Table, store: Path) -> None:
    """The name of its state, its message and its tags."""
    models = table("a", "b")
    state = fleet(models=models, store=str(store), return_state=True)
    run_id = state.state_details.flow_run_id
    assert run_id
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run_id)

    assert ("Promoted", "2 models: 2 promoted") == (state.name, state.message)
    assert found.tags == ["promoted"]
    assert found.name.startswith("fleet ")
    assert "models.json" in found.name


def test_a_dry_run_counts_rows_and_writes_nothing(
    table: Table, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = table("a", "b")
    arguments = ["--models", models, "--store", str(store)]
    assert 0 == run(fleet, [*arguments, "--dry_run"])
    assert not store.exists()
    assert "to retrain      2: a, b" in capsys.readouterr().out
    retrained(models, store)

    assert 0 == run(fleet, [*arguments, "--dry_run"])
    assert "unchanged       2" in capsys.readouterr().out
    table("a", "b", b={"seed": -1})
    assert 2 == run(fleet, [*arguments, "--dry_run"])
    assert "row 2 (model b): seed: " in capsys.readouterr().err


def test_the_command_ends_with_counts_and_the_file(
    table: Table, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and the reasons where too few succeeded."""
    models = table("a", "bad")
    (tmp_path / "bad.txt").unlink()
    arguments = ["--models", models, "--store", str(store)]
    assert 2 == run(fleet, arguments)
    said = capsys.readouterr().err
    assert 0 == run(fleet, [*arguments, "--minimum_success=0.5", "--json"])
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert "error: 1 of 2 models were not retrained" in said
    assert (1, 1) == (printed["unchanged"], printed["failed"])
    assert Path(printed["outcomes_url"]).exists()


def test_a_cancelled_fleet_says_what_is_known(
    table: Table, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its file: the models that were not reached are cancelled; the next run does them."""
    monkeypatch.setattr(workers, "ask_seconds", 0.1)

    def cancel_at_the_second(flow: Any, **parameters: Any) -> Any:
        if parameters["model"] == "b":
            context = TaskRunContext.get()
            assert context
            assert context.task_run.flow_run_id
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(context.task_run.flow_run_id, Cancelling())
        return run_subflow(flow, **parameters)

    monkeypatch.setattr(retrain_model, "run_subflow", cancel_at_the_second)
    models = table("a", "b", "c", "d", "e", "f", "g", "h")
    state = fleet(models=models, store=str(store), engine="threads:1", return_state=True)
    rows = outcomes(store)

    assert state.is_cancelled()
    assert ("promoted", "cancelled") == (rows["a"]["outcome"], rows["h"]["outcome"])
    assert "run again to go on" in rows["h"]["error"]
