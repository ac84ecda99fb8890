"""Scoring: rows, nats and spans are those of a reading character by character."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.parameters import ScoringOptions
from flows.reporting.scores.rows import Rows
from flows.reporting.scores.scorer import Scorer
from flows.storage.payload import Payload
from flows.storage.scores import ScoredCheckpoint
from flows.text import Unit, Vocabulary
from flows.text.units import Part
from rnncore import Hyperparameters, Parameters, TrainingState, grow, nats_of_characters

letters = "\n abcdefgh"
text = "abba cab fade\n\nbad cafe\ndeaf face\nabba cab fade\na\nhead"
checkpoint = ScoredCheckpoint("m", "0" * 16, None, "f" * 64)


def payload_of(characters: str, unit: Unit = "character") -> Payload:
    """A network that was not trained, whose weights are large enough to prefer something."""
    options = Hyperparameters(hidden_size=6, weight_scale=1.0, dtype="float64")
    state = TrainingState.initial(len(characters), options, seed=3)
    return Payload(state, Vocabulary(characters, unit))


def rows_of(
    characters: str, *texts: str, piece: int = 10**9, **options: Any
) -> list[dict[str, Any]]:
    """The rows of texts, given in parts of `piece` characters."""
    payload = payload_of(characters)
    parts = []
    for number, each in enumerate(texts):
        points = np.frombuffer(each.encode("utf-32-le"), np.uint32)
        cuts = [points[at : at + piece] for at in range(0, len(points), piece)]
        parts += [Part(number, cut, is_end=place == len(cuts)) for place, cut in enumerate(cuts, 1)]
    scorer = Scorer(payload, ScoringOptions(**options))
    files = [f"{number}.txt" for number in range(len(texts))]
    made = Rows(
        payload.vocabulary, checkpoint, "0" * 16, datetime(2026, 1, 1, tzinfo=UTC), files, 3.0
    )
    return [row for table in made.tables(scorer.scored(iter(parts))) for row in table.to_pylist()]


def nats_by_hand(parameters: Parameters, tokens: list[int]) -> np.ndarray[Any, Any]:
    """Nats of all tokens but the first."""
    return nats_of_characters(parameters, np.array(tokens), [len(tokens)])[1:]


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_line_is_read_after_a_line_feed_up_to_its_own(piece: int) -> None:
    """However the text comes in parts: nats, and the span that has the most of them."""
    network, vocabulary = payload_of(letters).state.parameters, Vocabulary(letters)
    found = rows_of(letters, text, piece=piece, span=4)

    lines = [line for line in text.split("\n") if line]
    assert lines == [row["text"] for row in found]
    for line, row in zip(lines, found, strict=True):
        nats = nats_by_hand(network, vocabulary.encode(f"\n{line}\n").tolist())
        assert nats.mean() == pytest.approx(row["nats_per_character"], rel=1e-12)
        sums = np.convolve(nats, np.ones(min(4, len(nats))), "valid")
        assert sums.max() / min(4, len(nats)) == pytest.approx(row["span_nats_per_character"])
        start = int(sums.argmax())
        assert (start, f"{line}\n"[start : start + 4].rstrip("\n")) == (
            row["span_start"],
            row["span"],
        )


def test_equal_lines_have_equal_scores() -> None:
    """To the last bit, wherever they stand."""
    first, *_, again, _, _ = rows_of(letters, text)

    assert first["text"] == again["text"]
    assert first["nats_per_character"] == again["nats_per_character"]


def test_a_line_with_unknown_characters_is_read_by_the_grown_network() -> None:
    """All of them are one more token, whose score is that of any new character."""
    (row,) = rows_of(letters, "bad cäfé")
    network = payload_of(letters).state.parameters
    points = np.append(Vocabulary(letters).code_points, np.uint32(0xFFFD))
    grown = grow(network, np.arange(len(letters)), points, seed=0)
    tokens = [letters.find(c) if c in letters else len(letters) for c in "\nbad cäfé\n"]

    assert 2 == row["unknown"]
    nats = nats_by_hand(grown, tokens)
    assert nats.mean() == pytest.approx(row["nats_per_character"], rel=1e-12)
    assert min(nats[5], nats[7]) > np.log(1000) - 1e-3


def test_a_network_without_line_feed_is_given_the_first_character() -> None:
    """It predicts no line end; a line of one character has no score."""
    found = rows_of(letters[1:], "abba\na\n")
    nats = nats_by_hand(
        payload_of(letters[1:]).state.parameters,
        Vocabulary(letters[1:]).encode("abba").tolist(),
    )

    assert nats.mean() == pytest.approx(found[0]["nats_per_character"], rel=1e-12)
    assert (None, None, "") == tuple(
        found[1][name] for name in ("nats_per_character", "is_surprising", "span")
    )


@pytest.mark.parametrize("unit", ["line", "document"])
@pytest.mark.parametrize("piece", [300, 700, 10**6])
def test_a_long_row_is_read_in_pieces_after_32_characters(unit: str, piece: int) -> None:
    """It stays one row, over any number of batches."""
    rng = np.random.default_rng(0)
    line = "".join(rng.choice(list(letters[1:]), 3500))
    found = rows_of(letters, f"ab\n{line}\nba\n", piece=piece, longest=1000, unit=unit)
    whole = f"{line}\n" if unit == "line" else f"ab\n{line}\nba\n"
    tokens = Vocabulary(letters).encode(f"\n{whole}").tolist()
    network = payload_of(letters).state.parameters
    nats = [nats_by_hand(network, tokens[:1001])]
    nats += [
        nats_by_hand(network, tokens[start + 1 - 32 : start + 1001])[31:]
        for start in range(1000, len(whole), 1000)
    ]
    expected = np.concatenate(nats)
    row = found[1] if unit == "line" else found[0]

    assert (3 if unit == "line" else 1) == len(found)
    assert expected.mean() == pytest.approx(row["nats_per_character"], rel=1e-12)
    sums = np.convolve(expected, np.ones(20), "valid")
    assert sums.max() / 20 == pytest.approx(row["span_nats_per_character"])
    assert int(sums.argmax()) == row["span_start"]
    assert whole[row["span_start"] : row["span_start"] + 20].rstrip("\n") == row["span"]
    assert (whole.rstrip("\n") if unit == "line" else whole)[:1000] == row["text"]


def test_windows_have_a_fixed_length_and_read_what_is_before_them() -> None:
    """The first of a file is read after a line feed, the others after 32 characters."""
    found = rows_of(letters, text, text, piece=7, unit="window", window=10)
    tokens = Vocabulary(letters).encode(f"\n{text}").tolist()
    network = payload_of(letters).state.parameters

    assert [text[at : at + 10] for at in range(0, len(text), 10)] * 2 == [r["text"] for r in found]
    assert list(range(1, 7)) * 2 == [row["number"] for row in found]
    assert ["0.txt"] * 6 + ["1.txt"] * 6 == [row["file"] for row in found]
    nats = nats_by_hand(network, tokens[9:51])[31:]
    assert nats.mean() == pytest.approx(found[4]["nats_per_character"], rel=1e-12)


@pytest.mark.parametrize("piece", [700, 1700, 10**6])
def test_a_window_may_be_longer_than_a_piece(piece: int) -> None:
    """It is one row all the same."""
    line = "".join(np.random.default_rng(0).choice(list(letters), 6000))
    found = rows_of(letters, line, piece=piece, unit="window", window=2500, longest=1000)

    assert [(1, 0, 2500), (2, 2500, 2500), (3, 5000, 1000)] == [
        (row["number"], row["start"], row["characters"]) for row in found
    ]
    assert [line[at : at + 1000] for at in (0, 2500, 5000)] == [row["text"] for row in found]
    tokens = Vocabulary(letters).encode(line).tolist()
    network = payload_of(letters).state.parameters
    nats = [
        nats_by_hand(network, tokens[at - 32 : min(at + 1000, end)])[31:]
        for at, end in ((2500, 5000), (3500, 5000), (4500, 5000))
    ]
    expected = np.concatenate(nats).mean()
    assert expected == pytest.approx(found[1]["nats_per_character"], rel=1e-12)


def test_texts_of_any_width_are_cut_by_characters() -> None:
    """One, two, three and four bytes in UTF-8."""
    line = "aé中😀b"
    row, again = rows_of(letters, f"{line * 300}\n{line}")

    assert ((line * 300)[:1000], 1500) == (row["text"], row["characters"])
    assert (line, 5, 1501) == (again["text"], again["characters"], again["start"])


def test_a_network_of_bytes_knows_every_text() -> None:
    """Places and lengths are in bytes; a character that is cut becomes U+FFFD."""
    payload = payload_of(Vocabulary.of_bytes().characters, "byte")
    points = np.frombuffer("zoë\n".encode(), np.uint8).astype(np.uint32)
    scorer = Scorer(payload, ScoringOptions(span=3))
    made = Rows(
        payload.vocabulary, checkpoint, "0" * 16, datetime(2026, 1, 1, tzinfo=UTC), ["a"], 3.0
    )
    (table,) = made.tables(scorer.scored(iter([Part(0, points, is_end=True)])))
    (row,) = table.to_pylist()

    assert ("zoë", 4, 0) == (row["text"], row["characters"], row["unknown"])
    nats = nats_by_hand(payload.state.parameters, [10, *"zoë\n".encode()])
    assert nats.mean() == pytest.approx(row["nats_per_character"], rel=1e-12)


@given(
    characters=st.text(st.sampled_from("\n\nab é中"), max_size=60),
    repeats=st.sampled_from([1, 1, 100]),
    piece=st.integers(1, 2500),
    unit=st.sampled_from(["line", "document", "window"]),
    window=st.integers(1, 3000),
    span=st.integers(1, 40),
)
@settings(max_examples=150, deadline=None)
def test_rows_do_not_depend_on_the_parts_that_a_text_comes_in(
    characters: str, repeats: int, piece: int, unit: str, window: int, span: int
) -> None:
    """Nor are they lost or doubled: together they are the text."""
    whole = characters * repeats
    options = {"unit": unit, "window": window, "span": span, "longest": 1000}
    expected, found = (rows_of(letters, whole, piece=each, **options) for each in (10**6, piece))

    rounded = {"nats_per_character", "span_nats_per_character", "span_start", "span"}
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        for name, value in one.items():
            if name not in rounded:
                assert value == other[name]
        for name in ("nats_per_character", "span_nats_per_character"):
            assert other[name] == pytest.approx(one[name], rel=1e-9)
        kept = whole[other["start"] :][: other["characters"]]
        assert kept[:1000] == other["text"]
        assert kept[other["span_start"] :].startswith(other["span"])
    kept = whole.replace("\n", "") if unit == "line" else whole
    assert len(kept) == sum(row["characters"] for row in found)
