"""Compressed files are found by content, read whole, and refused where they are not whole."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from random import Random

import pyarrow as pa
import pytest

from flows.corpus.reading.budget import Budget
from flows.corpus.reading.compression import decompressed, piece_size
from flows.exceptions import CorpusError

text = "".join(Random(1).choices("the keeper lit the lamp\n", k=300_000)).encode()


def zstd(data: bytes) -> bytes:
    """One frame."""
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


compressions: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}
every = pytest.mark.parametrize("compress", compressions.values(), ids=compressions)


def read(data: bytes, size: int = 70_001, most: int = 10**12) -> bytes:
    """What a file of these stored bytes contains, if they come in pieces of some size."""
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(decompressed(pieces, "a.txt", Budget(most)))


def refusal(data: bytes, most: int = 10**12) -> str:
    """The sentence for a file that is not accepted."""
    with pytest.raises(CorpusError) as caught:
        read(data, most=most)
    return str(caught.value)


@every
@pytest.mark.parametrize("size", [1, 2, 4096, 2**20])
def test_a_compressed_file_is_read_in_whatever_pieces_it_comes(
    compress: Callable[[bytes], bytes], size: int
) -> None:
    """The first bytes may come one by one."""
    short = text[: 20 * size] if size < 4096 else text
    assert short == read(compress(short), size)
    assert short + short == read(compress(short) + compress(b"") + compress(short), size)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f", b"BZh", b"BZh9 is no archive", b"PK", b"\x28\xb5", b"\xfd7zXZ", text],
)
def test_what_is_not_compressed_is_left_as_it_is(data: bytes) -> None:
    """However it begins, and however short it is."""
    assert data == read(data)
    assert data == read(data, 1)


def test_skippable_frames_of_zstd_are_skipped() -> None:
    """Before, between and after the others."""
    skipped = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    assert text + text == read(skipped + zstd(text) + skipped + zstd(text) + skipped)
    assert "is truncated" in refusal(zstd(text) + skipped[:-1])


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_zeros_may_follow(kind: str) -> None:
    """As tapes and block devices leave them; between two streams, too."""
    data = compressions[kind](text)
    assert text == read(data + bytes(100_000))
    assert text + text == read(data + bytes(512) + data)


@every
@pytest.mark.parametrize(
    "other", [b"rest", b"\x00\x00rest", gzip.compress(b"x", mtime=0)[:5], b"\x1f"]
)
def test_what_else_follows_is_refused_with_its_offset(
    compress: Callable[[bytes], bytes], other: bytes
) -> None:
    """It would be left out silently."""
    data = compress(text)
    message = refusal(data + other)
    assert "is damaged" in message or "is truncated" in message
    offset = int(message.partition("(byte offset ")[2].partition(" ")[0].replace(",", ""))
    assert len(data) <= offset <= len(data + other)


@every
def test_a_truncated_file_is_refused_wherever_it_ends(compress: Callable[[bytes], bytes]) -> None:
    """With the offset of its end."""
    data = compress(text)
    for end in (*range(11, 40), len(data) // 2, *range(len(data) - 20, len(data))):
        message = refusal(data[:end])
        assert "a.txt is truncated" in message
        assert f"(byte offset {end:,} of the compressed file): get an intact copy" in message


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_a_flipped_bit_is_never_accepted(kind: str) -> None:
    """Each of these formats has checksums; zstd has them if who writes it wants them."""
    data = compressions[kind](text)
    random = Random(2)
    for place in (random.randrange(20, len(data)) for _ in range(30)):
        flipped = bytes([data[place] ^ 1 << random.randrange(8)])
        message = refusal(data[:place] + flipped + data[place + 1 :])
        assert "is damaged" in message or "is truncated" in message
        assert "(byte offset " in message


@every
def test_what_is_compressed_twice_is_refused(compress: Callable[[bytes], bytes]) -> None:
    """Nobody means the inner file to be learned."""
    assert "is compressed twice, gzip in " in refusal(compress(gzip.compress(text)))


@every
def test_a_bomb_ends_with_the_budget_in_flat_memory(compress: Callable[[bytes], bytes]) -> None:
    """Whatever it would grow to; nothing of it is held."""
    bomb = compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match=r"maximum_bytes, 30,000,000 bytes decompressed, at"):
            deque(decompressed([bomb], "a.txt", Budget(30_000_000)), maxlen=0)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 20_000_000


@every
def test_no_piece_is_large(compress: Callable[[bytes], bytes]) -> None:
    """A megabyte is decompressed at a time."""
    data = compress(bytes(10_000_000))
    sizes = [len(piece) for piece in decompressed([data], "a.txt", Budget(10**9))]
    assert 10_000_000 == sum(sizes)
    assert max(sizes) <= piece_size + 16


def test_output_that_is_held_back_comes_before_the_end() -> None:
    """The last input may bring many pieces."""
    for size in range(piece_size - 2, piece_size + 3):
        for level in (1, 9):
            data = bytes(size)
            assert data == read(gzip.compress(data, level))
            assert data == read(gzip.compress(data, level) + bytes(3), 1)


def test_an_xz_file_that_asks_for_too_much_memory_is_refused() -> None:
    """The size of its dictionary is in its header."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**28}]
    assert "is damaged: xz reports 'Memory usage limit" in refusal(
        lzma.compress(b"text", filters=filters)
    )


def test_an_error_of_the_source_is_not_taken_for_damage() -> None:
    """It passes as it is, through every layer."""
    for compress in compressions.values():
        data = compress(text)

        def pieces(data: bytes = data) -> Iterator[bytes]:
            yield data[: len(data) // 2]
            raise CorpusError("the server is gone")

        with pytest.raises(CorpusError, match=r"^the server is gone$"):
            list(decompressed(pieces(), "a.txt", Budget(10**9)))


def test_gzip_without_a_compressed_byte_is_truncated() -> None:
    """A header alone is no file."""
    assert "is truncated" in refusal(gzip.compress(text)[:2])
    assert "is damaged" in refusal(b"\x1f\x8bnot gzip")
