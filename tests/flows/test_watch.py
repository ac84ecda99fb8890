"""The watch: what counts as a change of a corpus."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import fsspec
import pytest
import yaml

from flows.results import WatchResult
from flows.retrain import retrain
from flows.tasks import check_corpus
from flows.watch import watch


@pytest.fixture
def check(store: Path) -> Callable[[str | list[str]], str]:
    """Checks a corpus; the finding, in words."""
    return lambda corpus: watch(corpus=corpus, store=str(store)).finding


def test_a_corpus_is_new_at_first_and_then_unchanged(
    check: Callable[..., str], corpus: Path
) -> None:
    """The first check only records the state; the second finds the same."""
    assert ["seen for the first time", "unchanged"] == [check(str(corpus)) for _ in range(2)]


def test_a_change_is_found_once(check: Callable[..., str], corpus: Path) -> None:
    """The check after the one that found a change finds none."""
    check(str(corpus))
    corpus.write_text("another text")

    assert ["changed", "unchanged"] == [check(str(corpus)) for _ in range(2)]


def test_a_new_file_of_a_pattern_is_a_change(check: Callable[..., str], corpus: Path) -> None:
    """A corpus is all files that its pattern matches."""
    pattern = f"{corpus.parent}/*.txt"
    check(pattern)
    (corpus.parent / "more.txt").write_text("more")

    assert "changed" == check(pattern)


def test_corpora_are_watched_separately(check: Callable[..., str], corpus: Path) -> None:
    """The same file alone and in a list are two sources."""
    check(str(corpus))

    assert "seen for the first time" == check([str(corpus), str(corpus)])


def test_bytes_are_compared_if_the_backend_has_no_tag(check: Callable[..., str]) -> None:
    """Without tag and time, another text of the same length is recognised by its digest."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/watched/text.txt", b"ebb tide")
    check("memory://watched/text.txt")
    memory.pipe("/watched/text.txt", b"low tide")

    assert ["changed", "unchanged"] == [check("memory://watched/text.txt") for _ in range(2)]


def test_each_model_has_its_own_last_seen_state(
    check: Callable[..., str], corpus: Path, store: Path
) -> None:
    """A change that was found for one model is found for another too."""
    check(str(corpus))
    assert watch(corpus=str(corpus), model="kjv", store=str(store)).first_sight
    corpus.write_text("another text")

    assert "changed" == check(str(corpus))
    assert watch(corpus=str(corpus), model="kjv", store=str(store)).changed
    assert not watch(corpus=str(corpus), model="kjv", store=str(store)).changed


def test_its_event_carries_the_retraining_that_it_starts(
    corpus: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every parameter of the watch, and the source and the model in its name."""
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(check_corpus, "emit_event", lambda _, **event: emitted.append(event))
    asked: dict[str, Any] = {"corpus": str(corpus), "model": "kjv", "store": str(store)}
    watch(**asked)
    corpus.write_text("another text")

    changed: dict[str, Any] = {
        "seed": 3,
        "training": {"hidden_size": 8},
        "promotion": {"judge_on": "new"},
    }
    found = cast("WatchResult", watch(**asked, **changed))

    (event,) = emitted
    assert {"prefect.resource.id": f"corpus.{found.source_id}.kjv"} == event["resource"]
    payload = json.loads(json.dumps(event["payload"]))
    assert list(inspect.signature(watch.fn).parameters) == list(payload)
    assert set(payload) <= set(inspect.signature(retrain.fn).parameters)
    assert asked | {"seed": 3} == {name: payload[name] for name in (*asked, "seed")}
    assert (8, "new") == (payload["training"]["hidden_size"], payload["promotion"]["judge_on"])


def test_the_deployment_takes_all_that_the_event_carries() -> None:
    """The trigger in prefect.yaml names each parameter of the watch."""
    deployments = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())
    (triggered,) = (d for d in deployments["deployments"] if d["name"] == "on-corpus-change")
    parameters = triggered["triggers"][0]["parameters"]

    assert list(inspect.signature(watch.fn).parameters) == list(parameters)
    for name, template in parameters.items():
        assert f"event.payload.{name} " in json.dumps(template)
