"""The options of how a corpus is found, and of how its bytes become text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from flows.parameters.section import Section, whole_number
from flows.text import Unit


class ReadingOptions(Section):
    """How a corpus is found and read. What changes the text makes it another dataset."""

    corpus_pattern: str = Field(
        "*",
        min_length=1,
        max_length=1000,
        title="Pattern",
        description="Names of the files to read in folders and archives that the corpus names",
    )
    corpus_order: Literal["name", "natural", "time"] = Field(
        "name",
        title="Order of files",
        description="Order of the files of a folder, archive or pattern: name (by code points),"
        " natural (numbers by value, file2 before file10) or time (oldest first)",
    )
    corpus_column: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None,
        title="Column",
        description="Column of the text, where the files are tables: Parquet, CSV or JSON Lines",
    )
    corpus_separator: str = Field(
        "\n",
        max_length=1000,
        title="Separator",
        description="Text after each row of the column; a line feed if not given",
    )
    corpus_secret: Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9-]+$")] | None = Field(
        None,
        title="Secret",
        description="Name of a Secret block in Prefect with options of the corpus's filesystem as"
        " JSON, such as keys",
    )
    newline: Literal["keep", "lf"] = Field(
        "keep",
        title="Line ends",
        description="keep, or lf (CR LF and CR become a line feed)",
    )
    normalize: Literal["none", "NFC", "NFKC"] = Field(
        "none",
        title="Normalization",
        description="Unicode normalization of the text: none, NFC or NFKC",
    )
    errors: Literal["strict", "replace", "drop"] = Field(
        "strict",
        title="Invalid bytes",
        description="strict (refuse them), replace (by U+FFFD) or drop; they are counted",
    )
    unit: Unit = Field(
        "character",
        title="Unit",
        description="What the network reads: characters, or bytes (256 tokens, whatever the text)",
    )
    minimum_count: int = whole_number(
        1,
        (1, 10**12),
        "Minimum count",
        "Characters that occur less often all become U+25A1, a white square",
    )
    maximum_vocabulary: int = whole_number(
        20_000,
        (2, 1_114_112),
        "Maximum vocabulary",
        "Characters that the text, and the checkpoint to start from, may have together",
    )
    maximum_bytes: int = whole_number(
        20_000_000_000,
        (1, 10**15),
        "Maximum bytes",
        "Size that the corpus may have, as it is read and as it is decompressed",
    )
    verify: bool = Field(
        False,
        title="Verify",
        description="Read the corpus even where the tags or times of its files are those of a"
        " dataset in the store",
    )

    def shaping(self) -> dict[str, Any]:
        """Options that change the text, where they are not the usual ones."""
        others = {"corpus_secret", "maximum_vocabulary", "maximum_bytes", "verify"}
        return self.model_dump(exclude=others, exclude_defaults=True)
