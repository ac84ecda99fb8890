"""Gates: a text that is not like the champion's is reported, or refused, before any training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from flows.exceptions import GateFailed
from flows.parameters import GateOptions
from flows.storage.versions import Finding
from flows.text import Blocks
from flows.text.profile import (
    count_character,
    count_pairs,
    largest_table,
    population_stability_index,
    repeated_lines,
)

# Measured on four corpora: 48 nights of ordinary growth, 12 changes of topic, and 114 bad nights
# (shuffled, halved, repeated, mis-encoded, or in another language; whole or in part).
least_size = 0.7  # of the champion's text; ordinary nights only grow
most_size = 10.0  # times the champion's text; chosen, not measured: a mistake in a pattern
most_shift = 0.03  # index of pairs; ordinary nights have at most 0.023, shuffled letters 1.8
most_surprise = 0.7  # bits per character; ordinary nights have at most 0.65 on their new blocks
most_repeated = 0.2  # of the lines, above the champion's text
fewest_characters = 100_000  # of either text: in shorter ones pairs differ by chance
most_characters = 50_000_000  # of each text: seconds of work
most_sorted = 10_000_000  # the same where pairs are counted by sorting: hundreds of megabytes
counting_bytes = 100_000_000  # of memory for what counts pairs, and for each pair that occurs
pair_bytes = 48
replacement_character = "\ufffd"

Action = Literal["warn", "fail"]
Surprise = Callable[[], tuple[float, float] | None]  # bits on new blocks, and when promoted


def check_text(
    new: Blocks, old: Blocks, options: GateOptions, surprise: Surprise
) -> tuple[Finding, ...]:
    """What the gates find in all the blocks of a new text, beside those of the champion's.

    `surprise` gives the champion's bits per character on the new blocks, and its own when it was
    promoted; None where they cannot be told. A gate that is off measures nothing.
    """
    checks: dict[str, Callable[[Action], Finding | None]] = {
        "size": partial(_size, new, old),
        "replacement_characters": partial(_replacement_characters, new, old),
        "pairs": partial(_pairs, new, old),
        "surprise": partial(_surprise, surprise),
        "repeated_lines": partial(_repeated_lines, new, old),
    }
    actions = ((check, getattr(options, gate)) for gate, check in checks.items())
    found = (check(action) for check, action in actions if action != "off")
    return tuple(finding for finding in found if finding)


def refuse_failed(findings: Sequence[Finding]) -> None:
    """Raise `GateFailed` with the numbers of all gates that failed, if any did."""
    failed = [finding for finding in findings if finding.action == "fail"]
    if failed:
        sentences = ", and ".join(finding.sentence for finding in failed)
        options = " and ".join(f"gates.{finding.gate} warn" for finding in failed)
        raise GateFailed(
            f"{sentences}: check the corpus, or let it pass with {options}; the champion stays"
        )


def _size(new: Blocks, old: Blocks, action: Action) -> Finding | None:
    found, before = new.characters, old.characters
    if least_size * before <= found <= most_size * before:
        return None
    ratio = found / before
    if ratio > 1:
        compared = f"{ratio:.1f} times the {before:,} of the champion's text (at most {most_size:g}"
        action, bound = "warn", most_size  # more text is often meant
    else:
        compared = f"{ratio:.2f} of the {before:,} of the champion's text (at least {least_size}"
        bound = least_size
    sentence = f"the text has {found:,} characters, {compared} expected)"
    return Finding(gate="size", action=action, value=ratio, bound=bound, sentence=sentence)


def _replacement_characters(new: Blocks, old: Blocks, action: Action) -> Finding | None:
    found = count_character(new, replacement_character)
    if not found or found <= (before := count_character(old, replacement_character)):
        return None
    sentence = (
        f"the text has {found:,} replacement characters U+FFFD where bytes were damaged"
        f" (at most the {before:,} of the champion's text expected)"
    )
    return Finding(
        gate="replacement_characters", action=action, value=found, bound=before, sentence=sentence
    )


def _pairs(new: Blocks, old: Blocks, action: Action) -> Finding | None:
    if min(new.characters, old.characters) < fewest_characters:
        return None
    largest = max(len(text.vocabulary) for text in (new, old))
    most = most_sorted if largest > largest_table else most_characters
    counts = (count_pairs(_part_of(text, most)) for text in (old, new))
    index = population_stability_index(*counts)
    if index <= most_shift:
        return None
    sentence = (
        "pairs of characters have other shares than in the champion's text:"
        f" a population stability index of {index:.3f} (at most {most_shift} expected)"
    )
    return Finding(gate="pairs", action=action, value=index, bound=most_shift, sentence=sentence)


def _surprise(surprise: Surprise, action: Action) -> Finding | None:
    measured = surprise()
    if measured is None:
        return None
    found, own = measured
    bound = own + most_surprise
    if found <= bound:
        return None
    sentence = (
        f"the champion reads the new blocks at {found:.3f} bits per character, its own text at"
        f" {own:.3f} when it was promoted (at most {bound:.3f} expected)"
    )
    return Finding(gate="surprise", action=action, value=found, bound=bound, sentence=sentence)


def _repeated_lines(new: Blocks, old: Blocks, action: Action) -> Finding | None:
    found = repeated_lines(_part_of(new))
    if found <= most_repeated:  # whatever the champion's text has
        return None
    before = repeated_lines(_part_of(old))
    bound = before + most_repeated
    if found <= bound:
        return None
    sentence = (
        f"{found:.2f} of the lines of the text occurred in it before, {before:.2f} in the"
        f" champion's text (at most {bound:.2f} expected)"
    )
    return Finding(
        gate="repeated_lines", action=action, value=found, bound=bound, sentence=sentence
    )


def gate_bytes(vocabulary_size: int, characters: int) -> int:
    """Most memory that the gates take for a text of so many characters, the champion's alike."""
    if characters < fewest_characters:
        return 0
    pairs = min(characters, vocabulary_size**2)
    return counting_bytes + pair_bytes * min(pairs, most_sorted)


def _part_of(blocks: Blocks, most: int = most_characters) -> Blocks:
    """Blocks by digest, so that of two nights the same are read; all blocks of a shorter text."""
    return blocks if blocks.characters <= most else blocks.smallest(most)
