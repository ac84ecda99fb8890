"""Write the tables of report-schema.md from the columns: `python docs/write_report_schema.py`."""

# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import re
from pathlib import Path

from flows.storage.parquet_columns import Column
from flows.storage.report_schema import samples, summaries

page = Path(__file__).parent / "report-schema.md"
tables = {"samples": samples, "summaries": summaries}


def main() -> None:
    """Write the page: the tables between their marks anew, the prose as it is."""
    page.write_text(text(page.read_text(encoding="utf-8")), encoding="utf-8")


def text(before: str) -> str:
    """The page with the tables of now."""
    for name, columns in tables.items():
        mark = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->\n)", re.DOTALL)
        before, count = mark.subn(rf"\1{table(columns)}\2", before)
        if count != 1:
            raise ValueError(f"{page} has {count} places for the columns of {name}, expected 1")
    return before


def table(columns: tuple[Column, ...]) -> str:
    """Columns as a Markdown table."""
    rows = [
        f"| `{c.name}` | {c.type} | {'yes' if c.nullable else 'no'} | {escaped(c.meaning)} |"
        for c in columns
    ]
    return "\n".join(["| Column | Type | Null | Meaning |", "|---|---|---|---|", *rows]) + "\n"


def escaped(meaning: str) -> str:
    """A meaning in a cell of a table."""
    return meaning.replace("<", "&lt;").replace("|", "&#124;")


if __name__ == "__main__":
    main()
