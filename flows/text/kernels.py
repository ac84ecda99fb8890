"""UTF-8 as compiled kernels: checked and counted, cut into blocks, and turned into tokens.

A function here calls only functions of this file: numba looks whether this file has changed, not
others. Each array of bytes has `slack` bytes behind its text, so that any character can be read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import inlined, kernel

slack = 4  # bytes; the longest character has as many
shortest_block = 1024  # characters; a block ends at the first line end past this
longest_block = 2048
newline = 10
code_points = 1 << 21  # what four bytes can say; those of Unicode are fewer
# By the first five bits of a character: its length in bytes, 0 for what begins none.
lengths = np.array([1] * 16 + [0] * 8 + [2] * 4 + [3] * 2 + [4, 0], np.int64)
# By that length: the bits of its first byte, those to drop, the least that needs such a length, and
# which of the three bytes behind it do not belong to it.
masks = np.array([0, 0x7F, 0x1F, 0x0F, 0x07], np.int64)
shifts = np.array([0, 18, 12, 6, 0], np.int64)
least = np.array([1 << 30, 0, 0x80, 0x800, 0x10000], np.int64)
foreign = np.array([0, 6, 4, 2, 0], np.int64)
last_point = 0x10FFFF
surrogates = 0xD800 >> 11  # 2,048 code points for halves of pairs in UTF-16, no characters


@inlined
def code_point(text: NDArray[np.uint8], at: int, length: int) -> int:
    """The character that starts at a byte."""
    four = (
        ((np.int64(text[at]) & masks[length]) << 18)
        | ((np.int64(text[at + 1]) & 0x3F) << 12)
        | ((np.int64(text[at + 2]) & 0x3F) << 6)
        | (np.int64(text[at + 3]) & 0x3F)
    )
    return int(four >> shifts[length])


@inlined
def is_valid(text: NDArray[np.uint8], at: int, length: int, point: int) -> bool:
    """Whether that is a character of UTF-8, in its shortest form."""
    tops = (
        ((np.int64(text[at + 1]) & 0xC0) >> 2)
        | ((np.int64(text[at + 2]) & 0xC0) >> 4)
        | (np.int64(text[at + 3]) >> 6)
    )
    return bool(
        ((tops ^ 0b101010) >> foreign[length]) == 0
        and least[length] <= point <= last_point
        and (point >> 11) != surrogates
    )


@inlined
def is_ascii(part: NDArray[np.uint8]) -> bool:
    """Whether all bytes are below 128."""
    found = np.uint8(0)
    for at in range(len(part)):
        found = np.uint8(found | part[at])  # numba would widen it, and LLVM not use vectors
    return bool(found < 128)  # noqa: PLR2004 - ASCII


@kernel
def scan(
    text: NDArray[np.uint8],
    size: int,
    final: bool,
    by_byte: bool,
    counts: NDArray[np.int64],
    block_ends: NDArray[np.int64],
    block_lengths: NDArray[np.uint16],
) -> tuple[int, int]:
    """Cut `size` bytes of text into whole blocks, and count their characters, or bytes.

    Fills where each block ends, in bytes, and its length in characters. Returns how many there are,
    and the place of a byte that is no UTF-8, or -1. With `final` the text ends there.
    """
    points = np.empty(longest_block, np.int64)
    tables = np.zeros((4, 256), np.int64)
    start, blocks, wrong = 0, 0, -1
    while start < size:
        window = min(start + longest_block, size)
        whole = final or window - start == longest_block
        if by_byte or is_ascii(text[start:window]):
            end = start + shortest_block
            while end < window and text[end] != newline:
                end += 1
            if end >= window and not whole:
                break
            end = min(end + 1, window)
            count = end - start
            count_bytes(text[start:end], tables)
        else:
            end, count, wrong = decode_block(text, start, size, final, points)
            if wrong >= 0 or count == 0:
                break
            for place in range(count):
                counts[points[place]] += 1
        block_ends[blocks], block_lengths[blocks] = end, count
        start, blocks = end, blocks + 1
    for row in range(4):
        for byte in range(256):
            counts[byte] += tables[row, byte]
    return blocks, wrong


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


@inlined
def decode_block(
    text: NDArray[np.uint8], start: int, size: int, final: bool, points: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Characters of the block that starts at a byte: where it ends, how many, and -1.

    None where the text ends before the block may; instead of -1 the place of what is no UTF-8.
    """
    at, count, wrong = start, 0, -1
    while at < size and count < longest_block:
        length = lengths[text[at] >> 3]
        if at + max(length, 1) > size:
            if final:
                wrong = at
            break
        point = code_point(text, at, length)
        if not is_valid(text, at, length, point):
            wrong = at
            break
        points[count] = point
        at, count = at + length, count + 1
        if point == newline and count > shortest_block:
            break
    done = final or count == longest_block or (count > shortest_block and text[at - 1] == newline)
    return at, count if done else 0, wrong


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
    at = count = 0
    while at < size:
        end = min(at + longest_block, size)
        part = text[at:end]
        if is_ascii(part):
            found = tokens[count : count + len(part)]
            for place in range(len(part)):
                found[place] = token_of[part[place]]
            count, at = count + len(part), end
            continue
        while at < end:
            length = max(lengths[text[at] >> 3], 1)
            if at + length > size:
                return count, at
            tokens[count] = token_of[code_point(text, at, length)]
            at, count = at + length, count + 1
    return count, at


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
