"""The list of runs tells the nights apart: state, message and tags say what came of each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from flows.command_line.entry import run
from flows.exceptions import GateFailed
from flows.retrain import retrain
from flows.storage import Registry, open_store
from tests.support.flows import files_below
from tests.support.texts import some_lines

Options = Callable[..., dict[str, Any]]
text = "".join(some_lines(320, seed=1))
damaged = text + "".join(some_lines(30, seed=3)).replace("e", "\ufffd")


@pytest.fixture
def corpus_of(corpus: Path) -> Callable[[str], None]:
    """Lets the corpus have a text."""

    def write(content: str) -> None:
        corpus.write_text(content, encoding="utf-8")

    write(text)
    return write


def night(options: dict[str, Any]) -> FlowRun:
    """A run as the server has it."""
    state = retrain(**options, return_state=True)
    run_id = state.state_details.flow_run_id
    assert isinstance(run_id, UUID)
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id)


def shown(found: FlowRun) -> tuple[str | None, set[str]]:
    return found.state_name, set(found.tags)


def message(found: FlowRun) -> str:
    assert found.state
    return found.state.message or ""


def test_a_run_is_called_after_its_outcome(
    options: Options, corpus_of: Callable[[str], None]
) -> None:
    enough = {"epochs": 20}  # to predict better than frequencies of characters alone
    promoted, unchanged = (night(options(training=enough)) for _ in range(2))
    corpus_of(text + "".join(some_lines(30, seed=2)))
    rejected = night(options(promotion={"minimum_gain": 9}))

    assert ("Promoted", {"promoted"}) == shown(promoted)
    assert "promoted as version 0: there was no champion" == message(promoted)
    assert ("Unchanged", {"unchanged"}) == shown(unchanged)
    assert message(unchanged).startswith("nothing new to train; promoted as version 0")
    assert ("Rejected", {"rejected"}) == shown(rejected)
    assert "the champion is version 0" in message(rejected)
    for found in (promoted, unchanged, rejected):
        assert found.state
        assert found.state.is_completed()


def test_a_warning_stands_in_message_tags_and_decision(
    options: Options, corpus_of: Callable[[str], None], store: Path
) -> None:
    night(options())
    corpus_of(damaged)
    warned = night(options(gates={"replacement_characters": "warn"}))

    assert "warning" in warned.tags
    assert "replacement characters U+FFFD where bytes were damaged" in message(warned)
    newest = Registry(open_store(str(store)), "default").history().entries[0].version
    assert "replacement_characters" in {finding.gate for finding in newest.findings}
    assert any("U+FFFD" in warning for warning in newest.warnings)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (text[: len(text) // 2], r"0\.50 of the .* let it pass with gates\.size warn"),
        (damaged, r"U\+FFFD .* let it pass with gates\.replacement_characters warn"),
    ],
    ids=["half lost", "mis-encoded"],
)
def test_a_failed_gate_trains_nothing_and_keeps_the_champion(
    options: Options,
    corpus_of: Callable[[str], None],
    store: Path,
    bad: str,
    sentence: str,
) -> None:
    night(options())
    before = files_below(store / "models")
    corpus_of(bad)

    with pytest.raises(GateFailed, match=f"{sentence}; the champion stays"):
        retrain(**options())
    assert before == files_below(store / "models")
    arguments = [f"--{name}={options()[name]}" for name in ("corpus", "store")]
    assert 3 == run(retrain, [*arguments, "--training.hidden_size=8", "--dry_run"])


def test_a_text_that_is_done_is_not_checked_again(
    options: Options, corpus_of: Callable[[str], None]
) -> None:
    """Though it is half of the champion's: it was let pass once."""
    half = text[: len(text) // 2]
    corpus_of(half)
    night(options())
    corpus_of(text)
    night(options(promotion={"judge_on": "new", "minimum_gain": 0}, training={"epochs_warm": 8}))
    corpus_of(half)
    assert night(options()).state_name in {"Unchanged", "Rejected", "Promoted"}


def test_a_night_that_a_decision_answers_writes_nothing(
    options: Options, corpus_of: Callable[[str], None], store: Path
) -> None:
    """Though run and dataset were removed since: the text is read, and not stored again."""
    grown = [text + "".join(some_lines(30, seed=seed)) for seed in (2, 3)]
    for content in (text, *grown):
        corpus_of(content)
        night(options(promotion={"minimum_gain": 9}))
    opened = open_store(str(store))
    rejected = Registry(opened, "default").version(1).version
    assert not (store / "models" / "default" / "runs" / rejected.run_id).exists()
    shutil.rmtree(store / "datasets" / str(rejected.dataset_id))
    before = {path: path.read_bytes() for path in files_below(store)}
    corpus_of(grown[0])

    answered = night(options())

    assert ("Unchanged", {"unchanged"}) == shown(answered)
    assert "rejected as version 1" in message(answered)
    assert before == {path: path.read_bytes() for path in files_below(store)}
