"""Bytes become text however they are cut, and each byte that does not fit is named."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from encodings.aliases import aliases
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.exceptions import CorpusError
from flows.text import decoding, normalization
from flows.text.decoding import Problems, to_utf8

codecs_of_texts = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-7", "ascii",
    "latin-1", "cp1252", "koi8-r", "shift_jis", "gb18030", "big5", "euc_kr", "iso2022_jp",
)  # fmt: skip
# Line ends, letters with marks in every order, Hangul in parts, ligatures, halves of wide letters.
special = "\r\n\ta é\u0301\u0316\u0345ｶ\uff9e\ufb01ᄀ\u1161\u11a8가\u0627\u0653\u0915\u093c中🦊\ufeff\x00\ufffd\u2126ẛ\u0323"
characters = st.sampled_from(special) | st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=60)
cuts = st.lists(st.integers(0, 400), max_size=12)


def read(pieces: bytes | Iterable[bytes], encoding: str = "utf-8", **options: Any) -> str:
    """The text of a file called `name`."""
    given = [pieces] if isinstance(pieces, bytes) else pieces
    options.setdefault("problems", Problems())
    return b"".join(to_utf8(given, encoding, "name", **options)).decode()


def outcome(pieces: Iterable[bytes], encoding: str, **options: Any) -> object:
    """The text with its problems, or the message of the error."""
    problems = Problems()
    try:
        return read(pieces, encoding, problems=problems, **options), problems
    except CorpusError as error:
        return str(error)


def refusal(data: bytes, encoding: str = "utf-8", **options: Any) -> str:
    """The message of the error that the file is refused with."""
    with pytest.raises(CorpusError) as caught:
        read(data, encoding, **options)
    return str(caught.value)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces, some of them empty."""
    ends = sorted(min(place, len(data)) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=texts,
    damage=st.binary(max_size=5),
    encoding=st.sampled_from(codecs_of_texts),
    places=cuts,
    size=st.integers(9, 40),
    errors=st.sampled_from(["strict", "replace", "drop"]),
    newline=st.sampled_from(["keep", "lf"]),
    normalize=st.sampled_from(["none", "NFC", "NFKC"]),
)
def test_the_result_does_not_depend_on_where_the_bytes_are_cut(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    damage: bytes,
    encoding: str,
    places: list[int],
    size: int,
    **options: str,
) -> None:
    """Neither as they come nor as they are decoded: the text, its problems and its errors."""
    encoded = text.encode(encoding, "ignore")
    data = encoded + damage + encoded
    expected = outcome([data], encoding, **options)

    assert expected == outcome(cut(data, places), encoding, **options)
    if encoding != "iso2022_jp":  # its decoder keeps eight bytes, and escapes take four
        monkeypatch.setattr(decoding, "piece_size", size)
        assert expected == outcome([data], encoding, **options)


@settings(max_examples=300)
@given(text=texts, form=st.sampled_from(["NFC", "NFKC"]), places=cuts)
def test_normalization_in_pieces_is_that_of_the_whole(
    text: str, form: str, places: list[int]
) -> None:
    """Also where letters wait for marks, and Hangul for its parts."""
    ends = sorted(min(place, len(text)) for place in places)
    parts = [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]

    found = "".join(normalization.normalized(parts, form, "name"))  # type: ignore[arg-type]

    assert unicodedata.normalize(form, text) == found  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_a_text_may_be_cut_before_each_character_that_begins_anew(form: Any) -> None:
    """After every kind of character: letters, marks, parts of Hangul, wide and narrow ones."""
    before = "a\u0301", "가", "ᄀ", "\u0915", "\u0627", "ｶ", "e\u0316\u0301", "\u09c7", "\ufdfa"
    numbers = [*range(0x3400), *range(0xA000, 0xD800), *range(0xE000, 0x20000, 3)]
    candidates = [chr(number) for number in numbers if normalization._begins_anew(chr(number))]
    joined = {
        (start, character)
        for start in before
        for character in candidates
        if unicodedata.normalize(form, start + character)
        != unicodedata.normalize(form, start) + unicodedata.normalize(form, character)
    }

    assert set() == joined
    assert len(candidates) > 20_000


@given(
    data=st.binary(max_size=60) | texts.map(str.encode),
    encoding=st.sampled_from(["utf-8", "ascii", "utf-16-le", "shift_jis", "gb18030", "cp1252"]),
    places=cuts,
)
def test_replacing_and_dropping_are_pythons_own(
    data: bytes, encoding: str, places: list[int]
) -> None:
    """And each sequence is counted."""
    plain = "x" * 40  # so that no mark and no NULs are recognised at the start
    whole = plain.encode(encoding) + data
    problems = Problems()

    replaced = read(cut(whole, places), encoding, errors="replace", problems=problems)

    assert whole.decode(encoding, "replace") == replaced
    assert whole.decode(encoding, "ignore") == read(whole, encoding, errors="drop")
    assert problems.invalid >= len(problems.first_invalid)
    assert replaced.count("\ufffd") >= problems.invalid


def test_what_was_replaced_is_counted_with_the_offsets_of_the_first_ones() -> None:
    """Offsets are those of the file, its mark included."""
    problems = Problems()
    data = codecs.BOM_UTF8 + (b"ab\xff\xfe" * 10) + "€".encode()[:2]

    text = read(data, errors="drop", problems=problems)

    assert "ab" * 10 == text
    assert 21 == problems.invalid
    assert [5, 6, 9, 10, 13, 14, 17, 18, 21, 22] == problems.first_invalid


@pytest.mark.parametrize(
    "at", [0, 1, 7, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 21) - 1]
)
def test_the_first_invalid_byte_is_named_with_its_offset(at: int) -> None:
    """The first of the file, the last, and around the ends of pieces."""
    data = bytearray(b"x" * (1 << 21))
    data[at] = 0xFF

    assert refusal(bytes(data)).startswith(
        f"name is not utf-8: invalid start byte at byte offset {at} (0xff): "
    )


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_text_that_is_cut_inside_a_character_is_refused(length: int) -> None:
    """The character's first byte is named."""
    message = refusal(b"x" * (1 << 20) + "🦊".encode()[:length])

    assert "unexpected end of data at byte offset 1048576 (0xf0)" in message
    assert "convert it, give its real encoding, or set reading.errors" in message


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig", "U16", "utf-16-le", "utf_16_be", "utf-32", "utf-32-le", "utf-32-be"])  # fmt: skip
def test_a_byte_order_mark_is_removed_under_every_name(encoding: str) -> None:
    """At the start, once; elsewhere it is a character of the text."""
    codec = codecs.lookup(encoding).name.replace("utf-8-sig", "utf-8")
    explicit = f"{codec}-le" if codec in {"utf-16", "utf-32"} else codec

    assert "grüße\ufeff" == read("\ufeffgrüße\ufeff".encode(explicit), encoding)
    assert "\ufeffa" == read("\ufeff\ufeffa".encode(explicit), encoding)
    assert "" == read("\ufeff".encode(explicit), encoding)


def test_utf16_of_either_byte_order_is_read_by_its_mark() -> None:
    """Without a mark it is little-endian, and big-endian by name alone."""
    for codec in ("utf-16-le", "utf-16-be"):
        assert "grüße" == read("\ufeffgrüße".encode(codec), "utf-16")
    assert "grüße" == read("grüße".encode("utf-16-le"), "utf-16")
    assert "grüße" == read("grüße".encode("utf-16-be"), "utf-16-be")


@pytest.mark.parametrize("actual", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("given", ["utf-8", "latin-1", "ascii", "cp1252", "utf-16-be", "utf-16", "utf-7"])  # fmt: skip
@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_a_text_in_utf16_without_a_mark_is_recognised(actual: str, given: str, errors: str) -> None:
    """It would be learned with a NUL at every second character, or as other letters."""
    if codecs.lookup(given).name in {actual, actual.removesuffix("-le")}:
        return
    data = "the lamp is lit, and “the boat” goes out at dawn\n".encode(actual)

    assert refusal(data, given, errors=errors) == (
        f"name is not {given}: by its NUL bytes it looks like {actual}: give encoding={actual}"
    )


@pytest.mark.parametrize(
    ("actual", "given"),
    [("utf-16", given) for given in ("utf-8", "latin-1", "cp1252", "ascii", "utf-16-be", "utf-32")]
    + [("utf-32", given) for given in ("utf-8", "latin-1", "utf-16", "utf-16-le")]
    + [("utf-8-sig", given) for given in ("latin-1", "cp1252", "ascii", "utf-16-be")],
)
@pytest.mark.parametrize("errors", ["strict", "replace", "drop"])
def test_the_mark_of_another_encoding_is_recognised(actual: str, given: str, errors: str) -> None:
    """Whatever is done about invalid bytes: the whole text would be another."""
    known = actual.removesuffix("-sig")

    message = refusal("道可道，非常道。名可名".encode(actual), given, errors=errors)

    assert message.endswith(f"by its byte order mark it looks like {known}: give encoding={known}")


def test_the_encoding_of_a_text_with_few_letters_of_ascii_is_advised() -> None:
    """Its bytes fit no UTF-8, and its spaces have a NUL each."""
    data = "ο λόγος και ο λόγος και ο λόγος".encode("utf-16-le")

    assert refusal(data).endswith("it looks like utf-16-le: give encoding=utf-16-le")


@pytest.mark.parametrize(
    "text",
    ["PK is no archive", "a\x00b\x01c", "\x00\x00\x00", "one\x00two\x00three\x00", "BM", "яю"],
)
def test_nuls_and_odd_beginnings_are_text(text: str) -> None:
    """Only what is certain is refused."""
    assert text == read(text.encode())


@pytest.mark.parametrize("encoding", ["no-such", "", "a\x00b", "\ud800", "hex", "rot13", "zip", "base64", "undefined", "idna", "punycode"])  # fmt: skip
@pytest.mark.parametrize("data", [b"", b"x"])
def test_an_encoding_that_gives_no_text_is_refused(encoding: str, data: bytes) -> None:
    """Unknown names, and codecs that are not for texts, whatever is in the file."""
    message = refusal(data, encoding, errors="replace")

    assert message.startswith(f"name cannot be read with encoding {encoding!r} (")
    assert message.endswith(
        "give a text encoding that Python knows, such as utf-8, utf-16 or latin-1"
    )


@pytest.mark.parametrize(("encoding", "data"), [("utf-7", b"ab+2AA-c"), ("unicode_escape", rb"ab\ud800c")])  # fmt: skip
def test_half_a_surrogate_pair_is_no_character(encoding: str, data: bytes) -> None:
    """It is refused, replaced or dropped like an invalid byte."""
    problems = Problems()

    assert "its character 3 is half of a surrogate pair (U+D800)" in refusal(data, encoding)
    assert "ab\ufffdc" == read(data, encoding, errors="replace", problems=problems)
    assert "abc" == read(data, encoding, errors="drop", problems=problems)
    assert Problems(2, []) == problems


def test_no_other_encoding_gives_half_a_surrogate_pair() -> None:
    """Of all that Python has: every pair of bytes, and some longer ones."""
    samples = [*(bytes([a, b]) for a in range(256) for b in range(256)), b"\xed\xa0\x80", b"+2AA-"]
    every = sorted({codecs.lookup(name).name for name in aliases.values() if text_encoding(name)})
    giving = {
        codec
        for codec in every
        if re.search("[\ud800-\udfff]", b"".join(samples).decode(codec, "replace"))
        or any(
            re.search("[\ud800-\udfff]", sample.decode(codec, "ignore")) for sample in samples[::97]
        )
    }

    assert len(every) > 80
    assert giving - decoding.writing_halves == set()


def text_encoding(name: str) -> bool:
    """Whether Python reads texts with it, on this system."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return name not in {"idna", "punycode"}


def test_line_ends_become_line_feeds() -> None:
    """CR LF is one, CR alone another, also between pieces and at the end."""
    text = "a\r\nb\rc\n\r\r\n\u2028\x85d\r"

    assert text == read(text.encode())
    assert "a\nb\nc\n\n\n\u2028\x85d\n" == read(text.encode(), newline="lf")
    assert "a\n\n" == read([b"a\r", b"", b"\n", b"\r"], newline="lf")


def test_a_text_without_ascii_is_normalized_in_flat_memory() -> None:
    """Chinese has its own punctuation: a cut is found there too, and nothing waits."""
    pieces = list(to_utf8(["道可道，非常道。\ufa19".encode() * 100_000], "utf-8", "name", normalize="NFC", problems=Problems()))  # fmt: skip

    assert max(map(len, pieces)) <= 1 << 20
    assert "道可道，非常道。神" * 100_000 == b"".join(pieces).decode()


@pytest.mark.parametrize("run", ["\u0301\u0316" * 600, "\u0301" * 2_200_000, "\u1161" * 1_100_000])
def test_combining_characters_without_end_are_refused(run: str) -> None:
    """They could only be sorted as a whole, which takes the square of their number."""
    message = refusal(("a" + run).encode(), normalize="NFC")

    assert re.fullmatch(
        "name has over 500 combining characters in a row, .*normalize=none", message
    )
    assert "a" + run == read(("a" + run).encode())


def test_a_section_without_end_is_refused() -> None:
    """A section of UTF-7 gives its characters when it ends: this one fills the memory first."""
    message = refusal(b"+" + b"AGEA" * (2 << 20), "utf-7")

    assert "give no character yet" in message


def test_nothing_is_read_ahead() -> None:
    """A piece of text comes when its bytes have come: memory is flat."""
    taken = []

    def pieces() -> Iterable[bytes]:
        for number in range(8):
            taken.append(number)
            yield b"x" * (1 << 20)

    first = next(to_utf8(pieces(), "latin-1", "name", problems=Problems()))

    assert b"x" * (1 << 20) == first
    assert len(taken) <= 2
