"""What objects of a store take."""

from __future__ import annotations

from typing import NamedTuple


class Usage(NamedTuple):
    """Bytes and number of objects."""

    bytes: int
    files: int
