"""The rule of promotion: from what was measured to a verdict, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flows.lifecycle.comparison import errors_needed
from flows.parameters import PromotionOptions
from flows.storage.versions import Comparison

fewest_pieces = 10
gain_of_few = 0.1  # bits per character, that too little text has to show


class Verdict(NamedTuple):
    """Whether a checkpoint is promoted, and why."""

    promoted: bool
    reason: str
    warnings: tuple[str, ...] = ()


class Measured(NamedTuple):
    """A model's first checkpoint on its held-out text; in bits per character."""

    bits: float
    uniform_bits: float  # of a guess that takes all characters for equally likely
    order_0_bits: float  # of the text's own frequencies of characters
    characters: int  # of the vocabulary
    learning_rate: float


def verdict_on_first(found: Measured) -> Verdict:
    """A model's first version: refused if it predicts no better than a uniform guess."""
    rate = f"training.learning_rate is {found.learning_rate:g}"
    if found.bits >= found.uniform_bits:
        return Verdict(
            promoted=False,
            reason=f"{found.bits:.3f} bits per character on the held-out text, a uniform guess over"
            f" {found.characters} characters has {found.uniform_bits:.3f}: {rate}, try a smaller one",
        )
    warnings: tuple[str, ...] = ()
    if found.bits >= found.order_0_bits:
        warnings = (
            (
                f"{found.bits:.3f} bits per character on the held-out text, its frequencies of"
                f" characters alone give {found.order_0_bits:.3f}: {rate}, train longer or try another"
            ),
        )
    return Verdict(promoted=True, reason="there was no champion", warnings=warnings)


def verdict_on_later(
    options: PromotionOptions,
    champion: int,
    comparisons: Sequence[Comparison],
    notes: Sequence[str] = (),
) -> Verdict:
    """A later version: better than the champion on the new text, and not much worse on the old."""
    by_text = {found.text: found for found in comparisons}
    new, passed, sentences = by_text.get("new"), False, []
    if new is None:
        sentences.append(
            f"too little held-out text to compare with version {champion}: none that neither model"
            " was trained on"
        )
    else:
        passed, sentence = _on_new_text(options, new)
        sentences.append(sentence)
    if options.judge_on == "both":
        for found in (by_text[text] for text in ("champion", "oldest") if text in by_text):
            if -found.gain > options.maximum_loss:
                passed = False
                sentences.append(
                    f"on the text of version {found.version} {-found.gain:.3f} worse, at most"
                    f" {options.maximum_loss:g} is allowed (promotion.maximum_loss)"
                )
    return Verdict(passed, "; ".join([*sentences, *notes]), _warnings(new))


def _on_new_text(options: PromotionOptions, new: Comparison) -> tuple[bool, str]:
    """Whether a checkpoint is better on the new text, beyond doubt, and a sentence about it."""
    error = new.standard_error
    needed = max(options.minimum_gain, gain_of_few)
    if new.pieces >= fewest_pieces and error is not None:
        needed = max(options.minimum_gain, errors_needed(new.pieces) * error)
    passed = new.gain > needed
    sentence = (
        f"{new.bits_per_character:.3f} bits per character on the held-out text, version"
        f" {new.version} has {new.other_bits_per_character:.3f}:"
        f" {abs(new.gain):.3f} {'better' if new.gain >= 0 else 'worse'}"
        f"{'' if error is None else f' ± {error:.3f}'},"
        f" {'more' if passed else 'not more'} than {needed:.3f}"
    )
    if new.pieces < fewest_pieces:
        sentence += f" (too little held-out text: {new.characters} characters)"
    return passed, sentence


def _warnings(new: Comparison | None) -> tuple[str, ...]:
    if new is None or not new.unknown_share:
        return ()
    mine, theirs = new.unknown_bits_per_character, new.other_unknown_bits_per_character
    return (
        (
            f"{new.unknown_share:.2%} of the held-out characters are known to one model alone and were"
            f" not compared ({mine:.1f} bits per character, version {new.version} {theirs:.1f})"
        ),
    )
