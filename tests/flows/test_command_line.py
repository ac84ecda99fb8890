"""The command line: what it prints, what it accepts, and that its options are the flow's."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic_settings import SettingsError

from flows.command_line.entry import run
from flows.command_line.parsing import parse
from flows.exceptions import GateFailed
from flows.ingest import ingest
from flows.report import report
from flows.results import TrainResult
from flows.retrain import retrain
from flows.runtime import deployment, worker
from flows.train import train
from flows.watch import watch
from tests.support.flows import files_below, reported, retrained

Options = Callable[..., dict[str, Any]]
every_flow = pytest.mark.parametrize(
    "flow", [ingest, train, report, retrain, watch], ids=lambda f: f.name
)


@pytest.fixture
def arguments(corpus: Path, store: Path) -> list[str]:
    """Arguments of a small retraining."""
    small = ["--training.hidden_size=8", "--training.epochs=1", "--sampling.length=20"]
    return [f"--corpus={corpus}", f"--store={store}", *small]


@pytest.fixture(scope="session")
def environment(home: Path) -> dict[str, str]:
    """Environment variables of a process that starts its own embedded server."""
    others = {key: value for key, value in os.environ.items() if "PREFECT" not in key}
    return others | {"PREFECT_HOME": str(home / "prefect")}


@every_flow
def test_defaults_are_those_of_the_flow(flow: Any) -> None:
    """Without arguments the command has the flow's defaults."""
    command = parse(flow, [])

    for name, parameter in inspect.signature(flow.fn).parameters.items():
        assert parameter.default == getattr(command, name)


def test_the_last_part_of_a_name_is_enough_where_only_one_option_ends_with_it() -> None:
    command = parse(retrain, ["--epochs", "5", "--corpus_column=body", "--seed", "3", "--dry_run"])
    assert (5, "body") == (command.training.epochs, command.reading.corpus_column)  # type: ignore[attr-defined]
    assert (3, 0) == (command.seed, command.sampling.seed)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError):
        parse(retrain, ["--maximum_nothing", "5"])


@every_flow
def test_every_parameter_is_described(flow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Help explains each parameter; so does the form in the UI."""
    with pytest.raises(SystemExit) as stop:
        parse(flow, ["--help"])

    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert "Args:" not in shown
    for name, schema in flow.parameters.properties.items():
        assert f"--{name}" in shown
        assert schema.get("description")


def test_sections_describe_every_field() -> None:
    """Each field of a section has title, description and bounds where it is a number."""
    definitions = retrain.parameters.definitions or {}

    fields = [
        field
        for name in ("TrainingOptions", "EvaluationOptions", "SamplingOptions")
        for field in definitions[name]["properties"].values()
    ]
    assert fields
    for field in fields:
        assert field["title"]
        assert field["description"]
        if field.get("type") in {"integer", "number"}:
            assert {"minimum", "exclusiveMinimum"} & set(field)
            assert {"maximum", "exclusiveMaximum"} & set(field)
        if field.get("type") == "integer" and field["title"] != "Seed":
            assert f"{field['minimum']} to {field['maximum']:,}" in field["description"]


def test_a_failed_gate_has_an_exit_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, like other errors, but scripts can tell bad text from a bad command."""

    def fail(*_: object, **__: object) -> None:
        raise GateFailed("the text is too short: check the corpus")

    monkeypatch.setattr("flows.command_line.entry._run_in_terminal", fail)
    assert run(ingest, []) == 3
    assert capsys.readouterr().err == "error: the text is too short: check the corpus\n"


def test_a_flag_may_have_a_word_after_it() -> None:
    """As an option of every other kind has its value."""
    for given in (["--reading.verify", "true"], ["--reading.verify=true"], ["--verify"]):
        assert parse(ingest, given).reading.verify  # type: ignore[attr-defined]
    for given in (["--reading.verify", "false"], ["--verify=false"], ["--no-reading.verify"]):
        assert not parse(ingest, given).reading.verify  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="unrecognized arguments: maybe"):
        parse(ingest, ["--reading.verify", "maybe"])


def test_dotted_options_set_nested_fields() -> None:
    """Dotted names set the fields of sections."""
    command = parse(
        retrain,
        [
            "--corpus",
            "a",
            "--corpus",
            "b",
            "--training.hidden_size=7",
            "--sampling.temperatures=0,2",
        ],
    )

    assert {"corpus": ["a", "b"]}.items() <= command.model_dump().items()
    assert command.model_dump()["training"]["hidden_size"] == 7
    assert command.model_dump()["sampling"]["temperatures"] == (0.0, 2.0)


@pytest.mark.parametrize(
    "name",
    ["[draft] notes.txt", "[a, b].txt", "{x}.txt", '"q".txt', "null", "2024", "[1]", "[ab]*"],
)
def test_a_corpus_is_a_name_unless_it_is_a_list(name: str) -> None:
    """A name may look like JSON, and is given as it was typed; a list of names is a list."""
    for arguments in (["--corpus", name], [f"--corpus={name}"]):
        assert name == parse(retrain, arguments).model_dump()["corpus"]
    several = ["--corpus", name, "--seed", "1", '--corpus=["b,b", "c"]', "--corpus", "d,e"]
    assert [name, "b,b", "c", "d", "e"] == parse(retrain, several).model_dump()["corpus"]


@pytest.mark.parametrize("option", ["model", "encoding", "store", "sampling.priming"])
def test_null_is_a_text_like_another(option: str) -> None:
    """Where an option takes a text."""
    found = parse(retrain, [f"--{option}", "null"]).model_dump()

    assert "null" == (found["sampling"]["priming"] if "." in option else found[option])


@pytest.mark.parametrize("option", ["corpus", "sampling.priming"])
def test_a_value_that_begins_with_a_dash_needs_an_equals_sign(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says so."""
    assert 2 == run(retrain, [f"--{option}", "-x"])
    assert f"as in --{option}=-x" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["corpus", "store"])
def test_an_address_that_is_too_long_is_shown_without_its_secret(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its bounds are checked before its form is."""
    assert 2 == run(retrain, [f"--{option}=https://me:hidden@h/a?{'hidden' * 1000}"])

    message = capsys.readouterr().err
    assert "at most 4096 characters" in message
    assert "hidden" not in message


@every_flow
def test_every_text_of_a_form_has_a_bound(flow: Any) -> None:
    """A server checks each parameter before it stores it, at the cost of its length."""

    def unbounded(schema: Any) -> Iterator[Any]:
        for part in schema.values() if isinstance(schema, dict) else schema:
            if isinstance(part, dict | list):
                yield from unbounded(part)
        text = isinstance(schema, dict) and schema.get("type") == "string"
        if text and not {"maxLength", "enum", "const"} & set(schema):
            yield schema

    assert [] == list(unbounded(flow.parameters.model_dump()))


def test_environment_does_not_set_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable called MODEL does not set the model's name."""
    monkeypatch.setenv("MODEL", "somebody-elses")

    assert parse(retrain, []).model_dump()["model"] == "default"


def test_json_is_the_last_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the last line on standard output is one object with the stable names."""
    assert run(retrain, [*arguments, "--json"]) == 0

    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {
        "dataset_id",
        "run_id",
        "iteration",
        "checkpoint_digest",
        "train_bits_per_character",
        "held_out_bits_per_character",
        "report_url",
        "report_id",
        "trained_iterations",
        "seconds",
    } <= outcome.keys()
    assert Path(outcome["report_url"]).is_file()


def test_closing_table_names_the_results(
    arguments: list[str], capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    """The table shows checkpoint, report, and a command that reads the report."""
    assert run(retrain, arguments) == 0

    lines = dict(
        line.strip().split("  ", 1)
        for line in capsys.readouterr().out.splitlines()
        if "  " in line.strip()
    )
    values = {name: value.strip() for name, value in lines.items()}
    assert Path(values["checkpoint"]).is_file()
    assert Path(values["report"]).is_file()
    assert values["report"].startswith(str(store))
    read = subprocess.run(values["read it with"], shell=True, capture_output=True, check=True)
    assert b"---" in read.stdout


def test_second_run_reports_that_nothing_was_left_to_do(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of a repeated run says that the store already has the result."""
    run(retrain, arguments)
    capsys.readouterr()

    run(retrain, arguments)

    assert "nothing, the store holds the finished run" in capsys.readouterr().out


@every_flow
def test_dry_run_writes_nothing(
    flow: Any,
    arguments: list[str],
    options: Options,
    store: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A dry run prints versions, store and server, and writes no file."""
    if flow is report:
        retrained(options())
        arguments = [f"--store={store}"]
    chosen = [
        a for a in arguments if a.split("=")[0].split(".")[0][2:] in flow.parameters.properties
    ]
    before = files_below(store)

    assert run(flow, [*chosen, "--dry_run"]) == 0

    shown = capsys.readouterr().out
    assert "numba" in shown
    assert str(store) in shown
    assert "Prefect server" in shown
    assert before == files_below(store)


def test_dry_run_shows_what_is_already_done(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a run it counts the iterations to train, after it there are none."""
    run(retrain, [*arguments, "--dry_run"])
    before = capsys.readouterr().out
    run(retrain, arguments)
    run(retrain, [*arguments, "--dry_run"])
    after = capsys.readouterr().out

    assert "to be written" in before
    assert "iterations to train" in before
    assert "comparison with no champion" in before
    assert "in the store already" in after
    assert "comparison with the champion, version 0" in after
    assert "nothing left to train" in after


def test_single_flows_give_the_results_of_retrain(
    options: Options, store: Path, corpus: Path
) -> None:
    """Ingest, train and report one by one give the dataset, checkpoint and report of `retrain`."""
    whole = retrained(options(store=f"{store}-whole"))
    chosen = options()
    dataset = ingest(corpus=chosen["corpus"], store=str(store))
    trained = train(
        corpus=chosen["corpus"],
        store=str(store),
        training=chosen["training"],
        evaluation=chosen["evaluation"],
    )
    assert isinstance(trained, TrainResult)
    written = reported(store=str(store), sampling=chosen["sampling"])

    assert whole.dataset_id == dataset.dataset_id
    assert whole.checkpoint_digest == trained.checkpoint_digest
    assert whole.report_id == written.report_id
    assert [corpus] != files_below(store)


def test_report_of_a_model_that_was_never_trained_is_refused(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the model, and says what to do."""
    assert run(report, [f"--store={store}", "--model=unknown"]) == 2

    assert "model unknown has no checkpoint" in capsys.readouterr().err


def test_json_output_of_a_process_is_one_line(
    arguments: list[str], environment: dict[str, str]
) -> None:
    """`python -m flows.retrain --json` starts its own server, and prints only one line."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.retrain", *arguments, "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )

    assert 0 == done.returncode, done.stderr
    assert not done.stderr
    assert json.loads(done.stdout)["trained_iterations"] > 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "http://127.0.0.1:no/api"])
def test_a_server_that_does_not_answer_is_reported(
    url: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started, and one sentence says what to do."""
    with temporary_settings({PREFECT_API_URL: url}):
        assert 2 == run(retrain, [*arguments, "--json"])

    (sentence,) = capsys.readouterr().err.splitlines()
    assert "start it, or unset PREFECT_API_URL" in sentence


def test_an_embedded_server_that_does_not_start_is_reported(
    arguments: list[str], environment: dict[str, str]
) -> None:
    """Such as one that takes longer than its timeout."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.retrain", *arguments, "--json"],
        capture_output=True,
        text=True,
        env=environment | {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "0"},
        check=False,
        timeout=120,
    )

    assert 2 == done.returncode
    (sentence,) = done.stderr.splitlines()
    assert "embedded server did not start" in sentence


def test_stopped_process_reports_it_and_leaves_no_server(
    corpus: Path, environment: dict[str, str], store: Path
) -> None:
    """SIGTERM ends with a checkpoint, one sentence, and no embedded server.

    For Ctrl-C see test_embedded_server.py.
    """
    process = start_endless(corpus, store, environment)
    while len(list(store.rglob("*.safetensors"))) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(0.3)  # into the second chunk
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=180)  # until all processes have closed the pipes

    assert 128 + signal.SIGTERM == process.returncode
    assert "checkpoint written: run again to go on" in errors
    assert 1 == errors.count("stopped: run the same command again to go on")
    assert "Traceback" not in errors
    assert len(list(store.rglob("*.safetensors"))) > 2


def start_endless(corpus: Path, store: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a retraining that does not end by itself, in chunks of a second or two."""
    names = ("hidden_size=8", "epochs=1000000", "checkpoint_every=200000")
    options = [f"--training.{name}" for name in names]
    return subprocess.Popen(
        [sys.executable, "-m", "flows.retrain", f"--corpus={corpus}", f"--store={store}", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("main", [deployment.main, worker.main])
def test_a_server_whose_url_is_none_is_reported(main: Callable[[], None]) -> None:
    """By `make deploy` and `make worker`."""
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:no/api"}),
        pytest.raises(SystemExit, match="PREFECT_API_URL is no URL"),
    ):
        main()
