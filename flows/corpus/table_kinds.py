"""Which files are tables: Parquet by its content, others by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

TableKind = Literal["Parquet", "CSV", "TSV", "JSON Lines"]
by_suffix: dict[str, TableKind] = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".jsonl": "JSON Lines",
    ".ndjson": "JSON Lines",
}
compressions = (".gz", ".bz2", ".xz", ".zst", ".lzma")
magics = (b"PAR1", b"PARE")


class TableFile(Protocol):
    """A file on a local disk that can be opened any number of times, such as a path."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO: ...


@dataclass
class Nulls:
    """Rows of a column that have no text, and are left out."""

    count: int = 0


def table_kind(head: bytes, name: str) -> TableKind | None:
    """What table a file is for certain, by its first bytes, decompressed, and its name."""
    if head.startswith(magics):
        return "Parquet"
    bare = name.partition("::")[0].lower()
    for suffix in compressions:
        bare = bare.removesuffix(suffix)
    return next((kind for suffix, kind in by_suffix.items() if bare.endswith(suffix)), None)
