"""UTF-8 as compiled kernels: checked and counted, cut into blocks, and turned into tokens.

A function here calls only functions of this file: numba looks whether this file has changed, not
others. Each array of bytes has `slack` bytes behind its text, so that any character can be read.

Characters are decoded at every byte as if one began there, which takes vectors and no branch; then
those that do begin are kept. Arithmetic of 32 bits is spelled out: numba would widen it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import inlined, kernel

slack = 4  # bytes; the longest character has as many
shortest_block = 1024  # characters; a block ends at the first line end past this
longest_block = 2048
most_bytes = 4 * longest_block  # of a block
newline = 10
code_points = 1 << 21  # what four bytes can say; those of Unicode are fewer
group = 64  # bytes whose characters are counted at a time
u32 = np.uint32


@inlined
def begins(byte: np.uint8) -> bool:
    """Whether a byte is the first of a character."""
    return bool((byte & 0xC0) != 0x80)  # noqa: PLR2004 - of UTF-8


@inlined
def is_ascii(part: NDArray[np.uint8]) -> bool:
    """Whether all bytes are below 128."""
    found = np.uint8(0)
    for at in range(len(part)):
        found = np.uint8(found | part[at])  # numba would widen it, and LLVM not use vectors
    return bool(found < 128)  # noqa: PLR2004 - ASCII


@inlined
def whole_characters(text: NDArray[np.uint8], size: int) -> int:
    """How many of `size` bytes are before a character that goes on behind them."""
    start = size - 1
    while start > max(0, size - 4) and not begins(text[start]):
        start -= 1
    if size == 0 or text[start] < 0xC0:  # noqa: PLR2004 - a character of one byte
        return size
    length = 2 + (text[start] >= 0xE0) + (text[start] >= 0xF0)  # noqa: PLR2004
    return start if start + length > size else size


@inlined
def decode(text: NDArray[np.uint8], points: NDArray[np.uint32]) -> None:
    """The character (N,) that would begin at each byte (N + 3,), as its first byte tells its length."""
    first, second, third, fourth = text[:-3], text[1:-2], text[2:-1], text[3:]
    for at in range(len(points)):
        byte = u32(first[at])
        b, c, d = u32(second[at] & 0x3F), u32(third[at] & 0x3F), u32(fourth[at] & 0x3F)
        two = u32(u32((byte & 0x1F) << 6) | b)
        three = u32(u32((byte & 0x0F) << 12) | u32(u32(b << 6) | c))
        four = u32(u32(u32((byte & 0x07) << 18) | u32(b << 12)) | u32(u32(c << 6) | d))
        longer = four if byte >= 0xF0 else (three if byte >= 0xE0 else two)  # noqa: PLR2004
        points[at] = longer if byte >= 0xC0 else byte  # noqa: PLR2004


@inlined
def is_valid(text: NDArray[np.uint8], points: NDArray[np.uint32]) -> bool:
    """Whether bytes (N + 3,) begin with N that are whole characters, each in its shortest form.

    Each character has the bytes behind it that it asks for, and there are no others.
    """
    if whole_characters(text, len(points)) < len(points):
        return False
    first, second, third, fourth = text[:-3], text[1:-2], text[2:-1], text[3:]
    wrong = asked = behind = u32(0)
    for at in range(len(points)):
        byte, point = u32(first[at]), points[at]
        two, three, four = byte >= 0xC0, byte >= 0xE0, byte >= 0xF0  # noqa: PLR2004
        b = u32((second[at] & 0xC0) ^ 0x80) if two else u32(0)
        c = u32((third[at] & 0xC0) ^ 0x80) if three else u32(0)
        d = u32((fourth[at] & 0xC0) ^ 0x80) if four else u32(0)
        least = u32(0x10000) if four else (u32(0x800) if three else u32(0x80))
        odd = (point < least) | (point > 0x10FFFF) | (byte > 0xF7)  # noqa: PLR2004
        odd |= (point & 0xFFFFF800) == 0xD800  # half of a pair in UTF-16 # noqa: PLR2004
        wrong = u32(wrong | u32(u32(b | c) | u32(d | u32(odd & two))))
        asked = u32(asked + u32(u32(two) + u32(u32(three) + u32(four))))
        behind = u32(behind + u32((byte & 0xC0) == 0x80))  # noqa: PLR2004
    return bool(wrong == 0 and asked == behind)


@inlined
def keep_characters(text: NDArray[np.uint8], points: NDArray[np.uint32]) -> int:
    """Move the characters that begin to the start of `points`; how many there are."""
    count = 0
    for at in range(len(points)):
        points[count] = points[at]
        count += begins(text[at])
    return count


@kernel
def scan(
    text: NDArray[np.uint8],
    size: int,
    final: bool,
    by_byte: bool,
    counts: NDArray[np.int64],
    block_ends: NDArray[np.int64],
    block_lengths: NDArray[np.uint16],
) -> tuple[int, bool]:
    """Cut `size` bytes of text into whole blocks, and count their characters, or bytes.

    Fills where each block ends, in bytes, and its length in characters. Returns how many there are,
    and whether the text behind them is UTF-8, as far as it was read. With `final` it ends there.
    """
    points = np.empty(most_bytes, u32)
    tables = np.zeros((4, 256), np.int64)
    start, blocks, is_text = 0, 0, True
    while start < size:
        window = min(start + longest_block, size)
        is_plain = by_byte or is_ascii(text[start:window])
        if is_plain:
            end = start + shortest_block
            while end < window and text[end] != newline:
                end += 1
            if end >= window and not final and window - start < longest_block:
                break
            end = min(end + 1, window)
            count = end - start
            count_bytes(text[start:end], tables)
        else:
            end, count = find_end(text, start, min(start + most_bytes, size))
            if end == size and not final:
                break
            found = points[: end - start]
            decode(text[start : end + 3], found)
            is_text = is_valid(text[start : end + 3], found)
            if not is_text:
                break
            for place in range(keep_characters(text[start:end], found)):
                counts[points[place]] += 1
        block_ends[blocks], block_lengths[blocks] = end, count
        start, blocks = end, blocks + 1
    for row in range(4):
        for byte in range(256):
            counts[byte] += tables[row, byte]
    return blocks, is_text


@inlined
def find_end(text: NDArray[np.uint8], start: int, size: int) -> tuple[int, int]:
    """Where the block that starts at a byte ends, and how many characters begin in it."""
    at, count = start, 0
    while count + group <= shortest_block and at + group <= size:
        found = np.uint8(0)
        for byte in text[at : at + group]:
            found = np.uint8(found + begins(byte))
        at, count = at + group, count + int(found)
    while at < size:
        if begins(text[at]):
            if count == longest_block:
                break
            count += 1
            if text[at] == newline and count > shortest_block:
                at += 1
                break
        at += 1
    return at, count


@inlined
def count_bytes(part: NDArray[np.uint8], tables: NDArray[np.int64]) -> None:
    """Add to four tables (4, 256) in turn: a count that was just written cannot be read at once."""
    first, second, third, fourth = tables
    for four in range(len(part) // 4):
        first[part[4 * four]] += 1
        second[part[4 * four + 1]] += 1
        third[part[4 * four + 2]] += 1
        fourth[part[4 * four + 3]] += 1
    for at in range(len(part) & ~3, len(part)):
        first[part[at]] += 1


@kernel
def encode(
    text: NDArray[np.uint8],
    size: int,
    token_of: NDArray[np.unsignedinteger],
    tokens: NDArray[np.unsignedinteger],
) -> tuple[int, int]:
    """Tokens of the whole characters in `size` bytes of UTF-8; `token_of` has one a code point.

    Returns how many there are, and how many bytes they took. Bytes that are no UTF-8 give any
    tokens: they were checked before.
    """
    points = np.empty(longest_block, u32)
    whole, at, count = whole_characters(text, size), 0, 0
    while at < whole:
        end = min(at + longest_block, whole)
        part, found = text[at:end], tokens[count:]
        if is_ascii(part):
            for place in range(len(part)):
                found[place] = token_of[part[place]]
            count += len(part)
        else:
            decode(text[at : end + 3], points[: len(part)])
            done = 0
            for place in range(len(part)):
                found[done] = token_of[points[place]]
                done += begins(part[place])
            count += done
        at = end
    return count, whole


@kernel
def cut(tokens: NDArray[np.integer], line_end: int, block_lengths: NDArray[np.uint16]) -> int:
    """Cut a text that is tokens into blocks; fills their lengths and returns their number."""
    start, blocks = 0, 0
    while start < len(tokens):
        window = min(start + longest_block, len(tokens))
        end = start + shortest_block
        while end < window and tokens[end] != line_end:
            end += 1
        end = min(end + 1, window)
        block_lengths[blocks] = end - start
        start, blocks = end, blocks + 1
    return blocks
