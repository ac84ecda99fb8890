"""A retrained model becomes champion if it predicts held-out text better than the current one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import dry_run
from flows.dry_run import make_plan
from flows.parameters import SamplingOptions
from flows.storage.log import Log
from flows.storage.open_run import open_run
from flows.storage.stores import open_store
from rnncore import bits_per_character
from tests.support.flows import reported, retrained
from tests.support.texts import some_text

Options = Callable[..., dict[str, Any]]
weak = {"hidden_size": 1, "epochs": 1}
strong = {"hidden_size": 16, "epochs": 8}


def test_better_is_promoted_and_worse_is_not(options: Options, store: Path) -> None:
    """Both are evaluated on the same text; the reason names both results."""
    first = retrained(options(training=weak))
    better = retrained(options(training=strong))
    worse = retrained(options(training=weak, seed=1))

    assert ("promoted", 0, "promoted") == (first.decision, first.version, first.outcome)
    assert "there was no champion" == first.reason
    assert ("promoted", 1, "promoted") == (better.decision, better.version, better.outcome)
    assert ("rejected", 2, "rejected") == (worse.decision, worse.version, worse.outcome)
    assert worse.held_out_bits_per_character
    assert better.held_out_bits_per_character
    assert worse.held_out_bits_per_character > better.held_out_bits_per_character
    assert worse.reason.startswith(
        f"{worse.held_out_bits_per_character:.3f} bits per character on the held-out text,"
        f" version 1 has {better.held_out_bits_per_character:.3f}: "
    )
    decision = f"rejected as version 2: {worse.reason}; the champion is version 1"
    assert decision == worse.table()["decision"]
    by_default = reported(store=str(store))
    assert better.checkpoint_digest == by_default.checkpoint_digest
    assert worse.run_id == reported(store=str(store), run_id=worse.run_id).run_id
    asked = {"model": "default", "run_id": None, "store": str(store), "sampling": SamplingOptions()}
    assert "the champion, version 1" in make_plan(asked, (dry_run.report,)).steps["report"]


def test_the_same_run_again_is_decided_once(options: Options, store: Path) -> None:
    first, again = retrained(options()), retrained(options())

    assert (first.version, first.reason) == (again.version, again.reason)
    assert 0 == Log(open_store(str(store)), "models/default/versions").list_records().head


def test_a_checkpoint_is_judged_again_when_the_champion_has_changed(options: Options) -> None:
    """Once: the run is done, and stays done."""
    weaker = retrained(options(training=weak))
    retrained(options(training=strong))

    again = retrained(options(training=weak))
    once_more = retrained(options(training=weak))

    assert 0 == again.trained_iterations
    assert weaker.checkpoint_digest == again.checkpoint_digest
    assert ("rejected", 2, 1) == (again.outcome, again.version, again.champion)
    assert ("unchanged", 2, 1) == (once_more.outcome, once_more.version, once_more.champion)


def test_the_champion_is_evaluated_on_the_new_models_text(
    options: Options, corpus: Path, store: Path
) -> None:
    """On another corpus both are evaluated on that corpus's held-out text."""
    first = retrained(options())
    corpus.write_text(corpus.read_text()[::-1])

    second = retrained(options())

    opened = open_run(str(store), "default", second.run_id)
    _, held_out, ends = opened.split
    log = open_run(str(store), "default", first.run_id).log
    state, vocabulary = log.read(log.record(first.checkpoint_digest))
    tokens = vocabulary.encode(opened.vocabulary.decode(held_out[:]))
    expected = bits_per_character(state.parameters, tokens, ends)
    assert f"version 0 has {expected:.3f}" in second.reason


def test_new_characters_do_not_prevent_the_comparison(options: Options, corpus: Path) -> None:
    """Compared are the characters that both know; the others are reported beside them."""
    text = some_text(30)
    corpus.write_text(text)
    retrained(options(training=strong))
    corpus.write_text(text.replace("e", "é"))

    candidate = retrained(options(training=strong))

    assert "the champion, version 0" == candidate.starts_from
    assert candidate.outcome in {"promoted", "rejected"}
    assert "bits per character on the held-out text, version 0 has" in candidate.reason
    assert any("are known to one model alone" in warning for warning in candidate.warnings)


def test_with_nothing_held_out_every_run_is_promoted_and_it_says_so(options: Options) -> None:
    retrained(options(training=strong))

    candidate = retrained(options(training=weak, evaluation={"held_out": 0}))

    reason = "no text is held out, so nothing was compared"
    assert ("promoted", reason) == (candidate.decision, candidate.reason)
