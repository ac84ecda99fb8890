"""Structs in Thrift's compact protocol, as Parquet has them: the fields that are asked for.

A reader in C++ ends the process on some corrupt structs, and takes the last of a field that is
there twice, or its lowest bits where it is too large: here each of these is a ValueError.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

Read = TypeVar("Read")
Fields = dict[int, Any]

# Types, as fields and lists name them. A boolean is in the type of its field.
true, false, byte, short, whole, long, double, text, sequence, unique, mapping, struct = range(
    1, 13
)
long_list = 15  # as the size of a list: the size follows
most_depth = 16
most_field = 1 << 15  # exclusive
most_varint = 10  # bytes


class Reader:
    """Reads one struct after the other from `stream`, where `what` is."""

    def __init__(self, stream: BinaryIO, what: str, most_items: int) -> None:
        self._read, self._seek = stream.read, stream.seek
        self._what = what
        self._items = most_items  # of all lists and maps: a few bytes may claim millions
        self._depth = 0

    def fields(self, wanted: Mapping[int, tuple[int, Callable[[Reader], Any]]]) -> Fields:
        """The next struct: of each field in `wanted`, which must have that type, what is read."""
        found: Fields = {}
        for number, kind in self._heads():
            if number not in wanted:
                self._skip(kind)
            elif number in found:
                raise self._error("has a field twice")
            else:
                expected, read = wanted[number]
                self._expect(kind, expected)
                found[number] = read(self)
        return found

    def structs(self, read: Callable[[Reader], Read]) -> list[Read]:
        """What is read of each struct in a list."""
        size, kind = self._list_head()
        if size:
            self._expect(kind, struct)
        return [read(self) for _ in range(size)]

    def whole(self) -> int:
        """A number of 32 bits with its sign."""
        return self._number(32)

    def long(self) -> int:
        """A number of 64 bits with its sign."""
        return self._number(64)

    def _heads(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a struct: its value has to be read before the next."""
        self._depth += 1
        if self._depth > most_depth:
            raise self._error("is malformed")
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._number(64)
            if not 0 < number < most_field:
                raise self._error("is malformed")
            yield number, head & 15
        self._depth -= 1

    def _list_head(self) -> tuple[int, int]:
        """Size of a list, and the type of what is in it."""
        head = self._byte()
        return self._counted(head >> 4 if head >> 4 != long_list else self._size()), head & 15

    def _skip(self, kind: int, *, in_list: bool = False) -> None:
        if kind in {true, false}:
            self._move(in_list)
        elif kind in {short, whole, long}:
            self._varint()
        elif kind in {byte, double}:
            self._move(8 if kind == double else 1)
        elif kind == text:
            self._move(self._size())
        elif kind in {sequence, unique}:
            size, of = self._list_head()
            self._skip_items(size, of)
        elif kind == mapping:
            size = self._counted(self._size())
            kinds = self._byte() if size else 0
            self._skip_items(size, kinds >> 4, kinds & 15)
        elif kind == struct:
            self.fields({})
        else:
            raise self._error(f"has a field of type {kind}")

    def _skip_items(self, size: int, *kinds: int) -> None:
        self._depth += 1  # or lists in lists are without end
        if self._depth > most_depth:
            raise self._error("is malformed")
        for _ in range(size):
            for kind in kinds:
                self._skip(kind, in_list=True)
        self._depth -= 1

    def _expect(self, kind: int, expected: int) -> None:
        if kind != expected:
            raise self._error(f"has a field of type {kind}, not {expected}")

    def _counted(self, size: int) -> int:
        self._items -= size
        if self._items < 0:
            raise self._error("has too long a list")
        return size

    def _move(self, size: int) -> None:
        self._seek(size, io.SEEK_CUR)

    def _size(self) -> int:
        size = self._varint()
        if size >> 31:
            raise self._error("has too large a number")
        return size

    def _number(self, bits: int) -> int:
        """A number with its sign in the last bit."""
        value = self._varint()
        if value >> bits:
            raise self._error("has too large a number")
        return value >> 1 ^ -(value & 1)

    def _varint(self) -> int:
        """Seven bits a byte, the lowest first; the eighth says that more follow."""
        if (value := self._byte()) < 128:  # noqa: PLR2004 - as most are
            return value
        value &= 127
        for place in range(1, most_varint):
            part = self._byte()
            value |= (part & 127) << 7 * place
            if part < 128:  # noqa: PLR2004
                return value
        raise self._error("has too long a number")

    def _byte(self) -> int:
        if not (found := self._read(1)):
            raise self._error("is cut short")
        return found[0]

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"{self._what} {problem}")


long_field = (long, Reader.long)
whole_field = (whole, Reader.whole)
