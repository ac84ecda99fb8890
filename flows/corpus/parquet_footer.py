"""Where the pages of a column are, as the footer of a Parquet file says.

pyarrow ends the whole process where it is asked for this and the footer is corrupt. The footer is a
struct in Thrift's compact protocol: https://github.com/apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

row_groups, column_chunks, metadata = 4, 1, 3  # fields of the structs, from the outermost inwards
values, packed, data_start, dictionary_start = 5, 7, 9, 11  # of the metadata of a column
last_number, double, binary, sequences, mapping, struct = 6, 7, 8, (9, 10), 11, 12  # types
most_depth = 16
double_size = 8
long_list = 15  # as the size of a list: the size follows

Struct = dict[int, Any]


class Chunk(NamedTuple):
    """The pages of a column in a group of rows."""

    values: int
    start: int  # offset in the file
    length: int  # bytes


def chunks(footer: bytes, leaf: int) -> list[Chunk]:
    """The pages of column number `leaf` in each group of rows; ValueError for a corrupt footer."""
    try:
        return [_chunk(group[column_chunks][leaf][metadata]) for group in _row_groups(footer)]
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("its footer is corrupt") from error


def _chunk(found: Struct) -> Chunk:
    start: int = found[data_start]
    if 0 < (dictionary := found.get(dictionary_start, 0)) < start:
        start = dictionary
    return Chunk(found[values], start, found[packed])


def _row_groups(footer: bytes) -> Iterator[Struct]:
    """The groups of rows one by one, since all of them as objects of Python take much memory."""
    reader = _Reader(footer)
    for number, kind in reader.fields():
        if number == row_groups:
            size, _ = reader.list_head()
            for _ in range(size):
                yield reader.value(struct, most_depth)
        else:
            reader.value(kind, most_depth)


class _Reader:
    """Reads values one after the other; IndexError after the last."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a struct: its value has to be read before the next."""
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._number()
            yield number, head & 15

    def value(self, kind: int, depth: int, *, in_list: bool = False) -> Any:
        """A value of a type; None for what is not looked at."""
        if not depth:
            raise IndexError("nested too deeply")
        if kind <= 2:  # noqa: PLR2004 - booleans, which in a struct are in the type
            return self._byte() if in_list else None
        if kind <= last_number:
            return self._byte() if kind == 3 else self._number()  # noqa: PLR2004 - one byte
        if kind == struct:
            return {number: self.value(of, depth - 1) for number, of in self.fields()}
        if kind in sequences:
            size, of = self.list_head()
            return [self.value(of, depth - 1, in_list=True) for _ in range(size)]
        if kind == mapping:
            return self._skip_map(depth)
        size = double_size if kind == double else self._varint()  # this moves on first
        self._at += size
        return None

    def list_head(self) -> tuple[int, int]:
        """Size of a list, and the type of what is in it."""
        head = self._byte()
        size = head >> 4 if head >> 4 != long_list else self._varint()
        if size > len(self._data):
            raise IndexError("a list is longer than the footer")
        return size, head & 15

    def _skip_map(self, depth: int) -> None:
        size = self._varint()
        kinds = self._byte() if size else 0
        for _ in range(size):
            self.value(kinds >> 4, depth - 1, in_list=True)
            self.value(kinds & 15, depth - 1, in_list=True)

    def _number(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for place in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << place
            if byte < 128:  # noqa: PLR2004
                return value
        raise IndexError("too long a number")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]
