"""A retrained model becomes champion if it predicts held-out text better than the current one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import dry_run
from flows.dry_run import make_plan
from flows.parameters import SamplingOptions
from flows.report import report
from flows.storage.log import Log
from flows.storage.open_run import open_run
from flows.storage.stores import open_store
from rnncore import bits_per_character
from tests.support.flows import retrained

Options = Callable[..., dict[str, Any]]
weak = {"hidden_size": 1, "epochs": 1}
strong = {"hidden_size": 16, "epochs": 8}


def test_better_is_promoted_and_worse_is_not(options: Options, store: Path) -> None:
    """Both are evaluated on the same text; the reason names both results."""
    first = retrained(options(training=weak))
    better = retrained(options(training=strong))
    worse = retrained(options(training=weak, seed=1))

    assert ("promoted", 0) == (first.decision, first.version)
    assert "there was no champion" == first.reason
    assert ("promoted", 1) == (better.decision, better.version)
    assert ("rejected", 2) == (worse.decision, worse.version)
    assert worse.held_out_bits_per_character
    assert better.held_out_bits_per_character
    assert worse.held_out_bits_per_character > better.held_out_bits_per_character
    assert worse.reason == (
        f"{worse.held_out_bits_per_character:.3f} bits per character on the held-out text,"
        f" version 1 has {better.held_out_bits_per_character:.3f}"
    )
    assert f"rejected as version 2: {worse.reason}" == worse.table()["decision"]
    by_default = report(store=str(store))
    assert better.checkpoint_digest == by_default.checkpoint_digest
    assert worse.run_id == report(store=str(store), run_id=worse.run_id).run_id
    asked = {"model": "default", "run_id": None, "store": str(store), "sampling": SamplingOptions()}
    assert "the champion, version 1" in make_plan(asked, (dry_run.report,)).steps["report"]


def test_the_same_run_again_is_decided_once(options: Options, store: Path) -> None:
    first, again = retrained(options()), retrained(options())

    assert (first.version, first.reason) == (again.version, again.reason)
    assert 0 == Log(open_store(str(store)), "models/default/versions").list_records().head


def test_an_old_decision_names_the_current_champion(options: Options) -> None:
    """A repeated run that was promoted, and has been replaced since, reports the new champion."""
    retrained(options(training=weak))
    retrained(options(training=strong))

    again = retrained(options(training=weak))

    expected = "promoted as version 0: there was no champion; now the champion is version 1"
    assert expected == again.table()["decision"]


def test_the_champion_is_evaluated_on_the_new_models_text(
    options: Options, corpus: Path, store: Path
) -> None:
    """On another corpus both are evaluated on that corpus's held-out text."""
    first = retrained(options())
    corpus.write_text(corpus.read_text()[::-1])

    second = retrained(options())

    opened = open_run(str(store), "default", second.run_id)
    _, held_out, ends = opened.split
    text = opened.vocabulary.decode(held_out)
    log = open_run(str(store), "default", first.run_id).log
    state, vocabulary = log.read(log.record(first.checkpoint_digest))
    expected = bits_per_character(state.parameters, vocabulary.encode(text), ends)
    assert f"version 0 has {expected:.3f}" in second.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"new": "é"}, "version 0's vocabulary lacks characters of the held-out text"),
        ({"held_out": 0}, "nothing is held out to compare on"),
    ],
    ids=str,
)
def test_a_model_that_cannot_be_compared_is_promoted(
    options: Options, corpus: Path, changes: dict[str, Any], reason: str
) -> None:
    retrained(options(training=strong))
    corpus.write_text(corpus.read_text().replace("e", changes.get("new", "e")))

    candidate = retrained(
        options(training=weak, evaluation={"held_out": changes.get("held_out", 0.1)})
    )

    assert ("promoted", reason) == (candidate.decision, candidate.reason)
