"""Both passes through a corpus find what a slow reading of each character finds, however it is cut."""

from __future__ import annotations

import hashlib
import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.exceptions import CorpusError
from flows.text import Encoder, Scanner
from flows.text.blocks import block_type, longest_block, shortest_block

# Runs of one character, so that blocks of 1,024 and 2,048 characters are soon reached.
letters = st.sampled_from(
    "\n\r\ta \x00\x7f\x80ÿĀ\u07ff\u0800中\ud7ff\ue000\ufeff\uffff\U00010000🦊\U0010ffff"
)
runs = st.tuples(
    letters, st.sampled_from([1, 1, 2, 3, 60, 1000, 1023, 1024, 1025, 2047, 2048, 2049])
)
texts = st.lists(runs, max_size=8).map(lambda found: "".join(each * count for each, count in found))
cuts = st.lists(st.integers(0, 9000), max_size=8)
wrong = st.sampled_from(
    [
        *(b"\x80", b"\xbf" * 9000, b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe0\x9f\xbf", b"\xe4\xb8"),
        *(b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x9f\xa6", b"\xf4\x90\x80\x80"),
        *(b"\xf5\x80\x80\x80", b"\xf8", b"\xff"),
    ]
)


def pieces_of(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces, some of them empty."""
    ends = sorted(min(place, len(data)) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def blocks_of(text: str) -> list[str]:
    """A text cut at the first line end past 1,024 characters, at 2,048 at the latest."""
    blocks, start = [], 0
    while start < len(text):
        line_end = text.find("\n", start + shortest_block, start + longest_block)
        end = line_end + 1 if line_end >= 0 else start + longest_block
        blocks.append(text[start:end])
        start = end
    return blocks


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, max_size=3), cuts)
def test_a_corpus_is_scanned_and_encoded_as_python_reads_it(
    corpus: list[str], places: list[int]
) -> None:
    data = [text.encode() for text in corpus]
    records = io.BytesIO()
    scanner = Scanner("character")
    scanned = [scanner.scan(pieces_of(each, places), "name", records) for each in data]
    vocabulary = scanner.vocabulary
    table = np.frombuffer(records.getvalue(), block_type)
    encoder = Encoder(vocabulary) if any(corpus) else None

    assert [file.characters for file in scanned] == list(map(len, corpus))
    assert [file.bytes for file in scanned] == list(map(len, data))
    assert [file.sha256 for file in scanned] == [hashlib.sha256(each).hexdigest() for each in data]
    counts = Counter("".join(corpus))
    assert vocabulary.characters == "".join(sorted(counts))
    assert {chr(at): scanner.counts[at] for at in np.flatnonzero(scanner.counts)} == counts
    blocks = [block for text in corpus for block in blocks_of(text)]
    assert table["length"].tolist() == list(map(len, blocks))
    assert table["digest"].tolist() == [
        int.from_bytes(hashlib.sha256(block.encode()).digest()[:8], "big") for block in blocks
    ]
    for text, each in zip(corpus, data, strict=True):
        found = (
            [token for part in encoder.encode(pieces_of(each, places)) for token in part.tolist()]
            if encoder
            else []
        )
        assert found == [vocabulary.characters.index(character) for character in text]


@settings(max_examples=300, deadline=None)
@given(texts, wrong, texts, cuts)
def test_bytes_that_are_no_utf_8_are_named_as_python_names_them(
    before: str, bad: bytes, after: str, places: list[int]
) -> None:
    data = before.encode() + bad + after.encode()
    with pytest.raises(UnicodeDecodeError) as expected:
        data.decode()

    with pytest.raises(CorpusError) as refused:
        Scanner("character").scan(pieces_of(data, places), "name", io.BytesIO())

    said = f"{expected.value.reason} at byte offset {expected.value.start} (0x{data[expected.value.start]:02x})"
    assert said in str(refused.value)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=6000), st.integers(1, 2048), cuts)
def test_a_corpus_of_bytes_has_a_token_for_each_byte(
    data: bytes, repeated: int, places: list[int]
) -> None:
    data += data[:1] * repeated
    records = io.BytesIO()
    scanner = Scanner("byte")
    scanned = scanner.scan(pieces_of(data, places), "name", records)
    encoded = Encoder(scanner.vocabulary).encode(pieces_of(data, places))

    assert scanned.characters == scanned.bytes == len(data)
    assert np.frombuffer(records.getvalue(), block_type)["length"].tolist() == list(
        map(len, blocks_of(data.decode("latin-1")))
    )
    assert [token for part in encoded for token in part.tolist()] == list(data)
