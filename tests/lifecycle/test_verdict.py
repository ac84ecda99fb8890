"""The rule of promotion, case by case."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from flows.lifecycle.verdict import Measured, Verdict, verdict_on_first, verdict_on_later
from flows.parameters import PromotionOptions
from flows.storage.versions import Comparison


def comparison(
    gain: float, *, text: Literal["new", "champion", "oldest"] = "new", **changes: Any
) -> Comparison:
    """A comparison on a text of a hundred blocks."""
    fields: dict[str, Any] = {
        "text": text,
        "version": 3,
        "characters": 150_000,
        "pieces": 100,
        "bits_per_character": 2.0 - gain,
        "other_bits_per_character": 2.0,
        "gain": gain,
        "standard_error": 0.01,
        "unknown_share": 0.0,
        "unknown_bits_per_character": None,
        "other_unknown_bits_per_character": None,
    }
    return Comparison.model_validate(fields | changes)


def later(*comparisons: Comparison, notes: tuple[str, ...] = (), **options: Any) -> Verdict:
    return verdict_on_later(PromotionOptions(**options), 3, comparisons, notes)


def first(bits: float) -> Verdict:
    return verdict_on_first(Measured(bits, 6.0, 4.5, 64, 0.5))


def test_a_first_version_that_has_learnt_something_is_promoted() -> None:
    assert Verdict(promoted=True, reason="there was no champion") == first(4.4)


@pytest.mark.parametrize("bits", [4.5, 5.99])
def test_a_first_version_worse_than_frequencies_is_promoted_with_a_warning(bits: float) -> None:
    verdict = first(bits)
    assert verdict.promoted
    (warning,) = verdict.warnings
    assert "frequencies of characters alone give 4.500" in warning
    assert "training.learning_rate is 0.5" in warning


@pytest.mark.parametrize("bits", [6.0, 14.0])
def test_a_first_version_no_better_than_a_uniform_guess_is_refused(bits: float) -> None:
    verdict = first(bits)
    assert not verdict.promoted
    assert "a uniform guess over 64 characters has 6.000" in verdict.reason
    assert "training.learning_rate is 0.5, try a smaller one" in verdict.reason


@pytest.mark.parametrize(
    ("gain", "error", "promoted"),
    [
        (0.021, 0.01, True),  # more than two standard errors
        (0.019, 0.01, False),
        (0.0051, 0.0001, True),  # the smallest gain that counts
        (0.0049, 0.0001, False),
        (-0.1, 0.01, False),
    ],
)
def test_a_later_version_has_to_be_better_beyond_doubt(
    gain: float, error: float, promoted: bool
) -> None:
    verdict = later(comparison(gain, standard_error=error))
    assert promoted == verdict.promoted
    assert f"{abs(gain):.3f} {'better' if gain > 0 else 'worse'} ± {error:.3f}" in verdict.reason


def test_few_pieces_need_more_standard_errors() -> None:
    """Ten pieces 2.262 of them."""
    assert later(comparison(0.0227, pieces=10)).promoted
    assert not later(comparison(0.0225, pieces=10)).promoted


@pytest.mark.parametrize(("gain", "promoted"), [(0.101, True), (0.099, False)])
def test_too_little_text_needs_a_large_gain_and_it_says_so(gain: float, promoted: bool) -> None:
    verdict = later(comparison(gain, pieces=9, standard_error=None, characters=2000))
    assert promoted == verdict.promoted
    assert "too little held-out text: 2000 characters" in verdict.reason


def test_no_text_to_compare_on_keeps_the_champion_and_it_says_so() -> None:
    verdict = later(comparison(1.0, text="champion"))
    assert not verdict.promoted
    assert "too little held-out text to compare with version 3" in verdict.reason


@pytest.mark.parametrize("text", ["champion", "oldest"])
def test_a_large_loss_on_an_old_text_prevents_promotion(
    text: Literal["champion", "oldest"],
) -> None:
    new = comparison(0.5)
    assert later(new, comparison(-0.19, text=text)).promoted
    verdict = later(new, comparison(-0.21, text=text, version=1))
    assert not verdict.promoted
    assert "on the text of version 1 0.210 worse, at most 0.2 is allowed" in verdict.reason
    assert later(new, comparison(-0.21, text=text), maximum_loss=0.3).promoted


def test_a_text_that_was_changed_on_purpose_is_judged_on_the_new_text_alone() -> None:
    assert later(comparison(0.5), comparison(-3, text="champion"), judge_on="new").promoted
    assert not later(comparison(-0.5), judge_on="new").promoted


def test_unknown_characters_are_reported_beside_the_comparison() -> None:
    unknown: dict[str, Any] = {
        "unknown_share": 0.074,
        "unknown_bits_per_character": 4.5,
        "other_unknown_bits_per_character": 13.5,
    }
    verdict = later(comparison(0.5, **unknown))
    assert verdict.promoted
    (warning,) = verdict.warnings
    assert warning == (
        "7.40% of the held-out characters are known to one model alone and were not compared"
        " (4.5 bits per character, version 3 13.5)"
    )


def test_notes_stand_in_the_reason() -> None:
    assert later(comparison(0.5), notes=("held out by another rule",)).reason.endswith(
        "; held out by another rule"
    )


def test_a_larger_minimum_gain_holds_for_too_little_text_too() -> None:
    found = comparison(0.3, pieces=9)
    assert later(found).promoted
    assert not later(found, minimum_gain=0.4).promoted
