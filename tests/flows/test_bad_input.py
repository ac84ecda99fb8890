"""Bad input gives one clear sentence and exit status 2, and leaves nothing partly written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.client.schemas.sorting import FlowRunSort

from flows.command_line.entry import run
from flows.retrain import retrain
from flows.storage.canonical import canonical_json, digest
from flows.storage.stores import cache_of
from tests.support.flows import files_below, reported, retrained

Options = Callable[..., dict[str, Any]]

small = ("--training.hidden_size", "8", "--training.epochs", "1", "--sampling.length", "20")


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which `retrain` refuses `arguments`."""
    capsys.readouterr()
    status = run(retrain, [*small, *map(str, arguments)])
    lines = capsys.readouterr().err.splitlines()
    sentences = [line for line in lines if line.startswith("error: ")]
    assert status == 2
    assert len(sentences) == 1
    assert lines[-1] == sentences[0]
    assert not any("Traceback" in line for line in lines)
    return sentences[0]


def last_state() -> State:
    """State of the newest flow run in Prefect."""
    with get_client(sync_client=True) as client:
        newest = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)[0]
    assert newest.state is not None
    return newest.state


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", r"corpus .*corpus.txt is empty"),
        (b"aaaa" * 1000, r"a single distinct character, 'a'"),
        (b"good " * 300 + b"\xff bad", r"corpus.txt is not utf-8: .* byte offset 1500 \(0xff\)"),
        ("grüße".encode("utf-16"), r"utf-16"),
        (b"ab\nba", r"the training text has \d+ characters, expected at least 12 \(batch_size 1 ×"),
    ],
    ids=["empty", "single character", "not UTF-8", "UTF-16", "too short"],
)
def test_text_that_cannot_be_trained_on_is_refused(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path, content: bytes, expected: str
) -> None:
    """The message names the text and what is wrong with it; the store is not created."""
    corpus.write_bytes(content)

    sentence = refused(capsys, "--corpus", corpus, "--store", store)

    assert re.search(expected, sentence)
    assert not store.exists()


@pytest.mark.parametrize(
    ("corpus_url", "expected"),
    [
        ("no/such/file.txt", r"the corpus no/such/file.txt does not exist"),
        ("no/such/*.txt", r"no file matches no/such/\*.txt"),
        ("s4://bucket/text", r"unknown protocol 's4'"),
        ("https://user:hidden@127.0.0.1:9/text", r"carries credentials"),
        ("tests/flows/none/", r"the corpus tests/flows/none/ does not exist"),
        ("http://127.0.0.1:9/x?sig=$NOT_SET", r"variable NOT_SET, which RNN_URL_VARIABLES does"),
    ],
)
def test_missing_corpus_is_refused(
    capsys: pytest.CaptureFixture[str], store: Path, corpus_url: str, expected: str
) -> None:
    """The message names the address, without its secrets; the store is not created."""
    sentence = refused(capsys, "--corpus", corpus_url, "--store", store)

    assert re.search(expected, sentence)
    assert "hidden" not in sentence
    assert not store.exists()


@pytest.mark.parametrize(
    ("corpus", "expected"),
    [
        ("", "at least 1 character, found ''"),
        ("[]", r"at least 1 item after validation, not 0, found \[\]"),
        ('["a.txt", ""]', "at least 1 character, found ''"),
        ("zip://*.txt::", "ends with '::': name the file that the others are in"),
    ],
)
def test_a_corpus_without_a_name_is_refused(
    capsys: pytest.CaptureFixture[str], store: Path, corpus: str, expected: str
) -> None:
    """What is not given has a default; what is given as nothing has none."""
    assert re.search(expected, refused(capsys, "--corpus", corpus, "--store", store))
    assert not store.exists()


@pytest.mark.parametrize("name", ["../x", "", "a/b", "A", "-a", "a" * 65, "a b", "é"])
def test_invalid_model_name_is_refused(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path, name: str
) -> None:
    """The message states the rule and the name that was given."""
    sentence = refused(capsys, "--corpus", corpus, "--store", store, f"--model={name}")

    assert "--model: " in sentence
    assert "1 to 64 of a-z, 0-9 and -" in sentence
    assert repr(name) in sentence
    assert not store.exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("training.hidden_size", "0"),
        ("training.seq_length", "-1"),
        ("training.batch_size", "1.5"),
        ("training.learning_rate", "nan"),
        ("training.learning_rate", "0"),
        ("training.learning_rate", "inf"),
        ("training.gradient_clip", "-5"),
        ("training.epochs", "0"),
        ("training.checkpoint_every", "0"),
        ("training.dtype", "float16"),
        ("evaluation.held_out", "1"),
        ("evaluation.held_out", "nan"),
        ("evaluation.split", "random"),
        ("sampling.length", "0"),
        ("sampling.temperatures", "-1"),
        ("sampling.samples_each", "0"),
        ("seed", "-1"),
    ],
)
def test_option_out_of_bounds_is_refused(
    capsys: pytest.CaptureFixture[str], store: Path, option: str, value: str
) -> None:
    """The message names the option, what was expected and what was given; nothing is started."""
    sentence = refused(capsys, "--store", store, f"--{option}={value}")

    assert f"--{option}" in sentence
    assert value in sentence
    assert not store.exists()


def test_value_that_cannot_be_parsed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A value that is no number is shown as it was given."""
    assert "cannot read '[nan]'" in refused(capsys, "--sampling.temperatures=nan")


def test_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown name is refused, not ignored."""
    assert "--training.hiden_size" in refused(capsys, "--training.hiden_size", 3)


def test_unknown_priming_character_is_found_before_training(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path
) -> None:
    """The message names the character and its position, and nothing is written."""
    arguments = ("--corpus", corpus, "--store", store, "--sampling.priming", "the Quay")

    sentence = refused(capsys, *arguments)

    assert "the priming text has 'Q' (U+0051) at position 4" in sentence
    assert not store.exists()


def test_store_that_is_a_file_is_refused(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path
) -> None:
    """A file is not a store, and is unchanged."""
    store.write_text("mine")

    sentence = refused(capsys, "--corpus", corpus, "--store", store)

    assert f"the store {store} is a file" in sentence
    assert store.read_text() == "mine"


def test_held_out_text_under_two_characters_is_refused(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path
) -> None:
    """If the text is too short for the held-out share, the message says what to change."""
    corpus.write_text("the tide goes out\n")
    arguments = ("--corpus", corpus, "--store", store, "--evaluation.held_out", "0.05")

    assert "the held-out text has 1 characters, expected at least 2" in refused(capsys, *arguments)
    assert not store.exists()


def test_diverged_training_keeps_the_last_good_checkpoint(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path
) -> None:
    """An infinite loss stops training, and no bad state is saved; the message names the rate."""
    arguments = ("--corpus", corpus, "--store", store, "--training.learning_rate", "1e38")

    sentence = refused(capsys, *arguments)

    assert "with learning_rate 1e+38" in sentence
    assert "the last good checkpoint, of iteration 0, is kept" in sentence
    assert len(list(store.rglob("*.safetensors"))) == 1


def test_failed_run_in_prefect_has_the_same_message(
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    corpus: Path,
    store: Path,
) -> None:
    """The state of the run has the sentence of the command line, and its log has no traceback."""
    corpus.write_text("")

    sentence = refused(capsys, "--corpus", corpus, "--store", store)

    state = last_state()
    assert state.is_failed()
    assert sentence.removeprefix("error: ") in (state.message or "")
    assert sentence.removeprefix("error: ") in caplog.text
    assert "Traceback" not in caplog.text


def test_checkpoint_of_a_newer_format_is_refused(
    capsys: pytest.CaptureFixture[str], options: Options, store: Path
) -> None:
    """A record that a newer program wrote stops this one, which changes nothing."""
    outcome = retrained(options())
    log = next(store.glob("models/default/runs/*/log"))
    newest = max(log.glob("*.json"))
    record = json.loads(newest.read_bytes()) | {"format": 99}
    del record["checksum"]
    newest.write_bytes(canonical_json(record | {"checksum": digest(canonical_json(record))}))
    cache_of.cache_clear()  # as in a new process, which has not read the log yet
    before = files_below(store)

    arguments = ("--corpus", options()["corpus"], "--store", store, "--training.hidden_size=8")
    sentence = refused(capsys, *arguments, "--training.epochs=3")

    assert outcome.run_id in sentence
    assert "format 99 is newer than this program (1)" in sentence
    assert before == files_below(store)


def test_corrupt_checkpoint_is_reported_and_skipped(
    options: Options, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The run continues from the newest intact checkpoint, and ends with the same bytes."""
    outcome = retrained(options())
    payload = next(store.rglob(f"{outcome.checkpoint_digest}.safetensors"))
    whole = payload.read_bytes()
    payload.write_bytes(whole[:100])

    again = retrained(options())

    assert f"{payload}): truncated, 100 of {len(whole)} bytes" in caplog.text
    assert outcome.checkpoint_digest == again.checkpoint_digest
    assert whole == payload.read_bytes()


def test_report_on_an_older_checkpoint_gives_the_reason(
    options: Options, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The newest checkpoint is corrupt, and reported."""
    outcome = retrained(options())
    payload = next(store.rglob(f"{outcome.checkpoint_digest}.safetensors"))
    payload.write_bytes(b"")

    found = reported(model=outcome.model, store=str(store))

    assert outcome.iteration > found.iteration
    assert f"{payload}): truncated" in caplog.text
    assert "going on from the newest intact checkpoint" in caplog.text


def test_store_without_write_permission_is_refused(
    capsys: pytest.CaptureFixture[str], corpus: Path
) -> None:
    """The message names a folder in which not even root may write, and the reason."""
    if not Path("/proc/self").exists():
        pytest.skip("needs Linux's /proc, where no folder can be made")

    sentence = refused(capsys, "--corpus", corpus, "--store", "/proc/store")

    assert re.search(r"cannot make the folder /proc/store: ", sentence)
