"""The gates find what is wrong with a text beside the champion's, and nothing on a normal night."""

from __future__ import annotations

from functools import cache
from typing import cast

import numpy as np
import pytest

from flows.exceptions import GateFailed
from flows.lifecycle import gates
from flows.lifecycle.gates import check_text, refuse_failed
from flows.parameters import GateOptions
from flows.storage.versions import Finding
from flows.text import Blocks
from flows.text.profile import count_pairs, population_stability_index
from tests.support.texts import blocks_of, bundled, some_lines

lines = some_lines(2600)
known = "".join(lines[:2500])  # about 140,000 characters
short = "".join(lines[:40])
accented = known.replace("e", "é")
defaults = GateOptions()
off = GateOptions(
    size="off", replacement_characters="off", pairs="off", surprise="off", repeated_lines="off"
)


def untold() -> None:
    """The surprise of a champion that cannot read the text."""


@cache
def as_blocks(text: str) -> Blocks:
    return blocks_of(text)


def check(new: str, old: str = known, options: GateOptions = defaults) -> tuple[Finding, ...]:
    return check_text(as_blocks(new), as_blocks(old), options, untold)


def found(new: str, old: str = known) -> set[tuple[str, str]]:
    return {(finding.gate, finding.action) for finding in check(new, old)}


def shuffled_letters(text: str) -> str:
    """Each line keeps its letters."""
    rng = np.random.default_rng(0)
    return "".join("".join(rng.permutation(list(line))) + "\n" for line in text.split("\n"))


def test_a_normal_night_fires_nothing() -> None:
    assert set() == found(known)
    assert set() == found("".join(lines[:2550]))
    corpus = [file.read_text(encoding="utf-8") for file in sorted(bundled.glob("*.txt"))]
    assert () == check_text(blocks_of(*corpus), blocks_of(*reversed(corpus)), defaults, untold)


def test_half_of_the_text_is_lost() -> None:
    assert {("size", "fail")} == found("".join(lines[:1250]))
    assert set() == found("a" * 70, "a" * 100)
    assert {("size", "fail")} == found("a" * 69, "a" * 100)


def test_a_text_above_tenfold_only_warns() -> None:
    assert set() == found("a" * 100, "a" * 10)
    assert {("size", "warn")} == found("a" * 101, "a" * 10)


def test_shuffled_letters_shift_the_pairs() -> None:
    assert {("pairs", "warn")} == found(shuffled_letters(known))
    fifth = "".join(lines[:2000]) + shuffled_letters("".join(lines[2000:2500]))
    assert {("pairs", "warn")} == found(fifth)


def test_pairs_of_a_short_text_are_not_compared() -> None:
    assert set() == found(shuffled_letters(short), short)


def test_one_part_of_the_text_is_repeated() -> None:
    assert ("repeated_lines", "warn") in found("".join(lines[:500]) * 5)
    assert set() == found(short + "the same\n" * 10, short)
    assert {("repeated_lines", "warn")} == found(short + "the same\n" * 12, short)
    assert set() == found(short + "the same\n" * 12, short + "the same\n" * 5)


def test_a_text_read_in_a_wrong_encoding() -> None:
    as_latin_1 = accented.encode("utf-8").decode("latin-1")
    as_utf_8 = accented.encode("latin-1").decode("utf-8", errors="replace")
    assert {("pairs", "warn")} == found(as_latin_1, accented)
    assert {("pairs", "warn"), ("replacement_characters", "fail")} == found(as_utf_8, accented)


def test_replacement_characters_that_the_champion_had_pass() -> None:
    assert set() == found(f"{short}\ufffd\n", f"\ufffd{short}\ufffd")
    assert set() == found(f"{short}\ufffd\n", f"{short}\ufffd")
    assert {("replacement_characters", "fail")} == found(f"{short}\ufffd\ufffd", f"{short}\ufffd")


def test_the_champion_is_surprised_by_the_new_blocks() -> None:
    blocks = as_blocks(short)
    assert () == check_text(blocks, blocks, defaults, lambda: (2.5 + gates.most_surprise, 2.5))
    (finding,) = check_text(blocks, blocks, defaults, lambda: (3.5, 2.5))
    assert ("surprise", "warn", 3.5, 3.2) == (
        finding.gate,
        finding.action,
        finding.value,
        finding.bound,
    )
    assert "at 3.500 bits per character" in finding.sentence


def test_a_gate_that_is_off_measures_nothing() -> None:
    nothing = cast(Blocks, object())

    def refuse() -> None:
        raise AssertionError

    assert () == check_text(nothing, nothing, off, refuse)


@pytest.mark.parametrize("action", ["warn", "fail"])
@pytest.mark.parametrize("gate", list(GateOptions.model_fields))
def test_each_gate_warns_or_fails_as_its_option_says(gate: str, action: str) -> None:
    old = as_blocks("".join(some_lines(4000)))
    everything_wrong = as_blocks(shuffled_letters("".join(lines[:500])) * 5 + "\ufffd")
    options = GateOptions(**off.model_dump() | {gate: action})
    (finding,) = check_text(everything_wrong, old, options, lambda: (4, 2))
    assert (gate, action) == (finding.gate, finding.action)


def test_of_a_large_text_blocks_of_smallest_digest_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = as_blocks(known), as_blocks(shuffled_letters(known))
    monkeypatch.setattr(gates, "most_characters", 30_000)
    (finding,) = check_text(new, old, defaults, untold)

    parts = [count_pairs(blocks.by_digest().first(30_000)) for blocks in (old, new)]
    assert population_stability_index(*parts) == finding.value
    assert set() == found("".join(lines[:2550]))


def test_a_finding_is_json() -> None:
    (finding,) = check("".join(lines[:1250]))
    assert finding == Finding.model_validate_json(finding.model_dump_json())


def test_what_failed_is_refused_with_its_numbers_and_the_option_that_lets_it_pass() -> None:
    (finding,) = check("a" * 41_000, "a" * 80_000, GateOptions(repeated_lines="off"))
    with pytest.raises(GateFailed) as refused:
        refuse_failed([finding])
    assert (
        "the text has 41,000 characters, 0.51 of the 80,000 of the champion's text (at least 0.7"
        " expected): check the corpus, or let it pass with gates.size warn; the champion stays"
    ) == str(refused.value)


def test_all_that_failed_is_named_in_one_sentence() -> None:
    findings = check("\ufffd" * 3, "a" * 10)
    with pytest.raises(GateFailed, match=r"^the text has 3 .*, and the text has 3 repl") as refused:
        refuse_failed(findings)
    assert "with gates.size warn and gates.replacement_characters warn;" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_warnings_are_not_refused() -> None:
    refuse_failed(check(shuffled_letters(known)))
    refuse_failed(check("a" * 101, "a" * 10, GateOptions(size="fail")))
    refuse_failed(())


def test_options_name_their_bounds() -> None:
    """The form and `--help` show only their descriptions."""
    described = {
        "size": (gates.least_size, gates.most_size),
        "pairs": (gates.most_shift,),
        "surprise": (gates.most_surprise,),
        "repeated_lines": (gates.most_repeated,),
    }
    for gate, numbers in described.items():
        description = GateOptions.model_fields[gate].description or ""
        assert all(f" {number:g} " in description.replace(")", " ") for number in numbers), gate
