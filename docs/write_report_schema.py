"""Write the tables of columns in the docs from their definitions: `python docs/write_report_schema.py`."""

# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import re
from pathlib import Path

from flows.storage import fleets
from flows.storage.parquet_columns import Column
from flows.storage.report_schema import samples, summaries

folder = Path(__file__).parent
pages: dict[str, dict[str, tuple[Column, ...]]] = {
    "report-schema.md": {"samples": samples, "summaries": summaries},
    "fleet.md": {"outcomes": fleets.columns},
}


def main() -> None:
    """Write the pages: the tables between their marks anew, the prose as it is."""
    for page in pages:
        file = folder / page
        file.write_text(text(file.read_text(encoding="utf-8"), page), encoding="utf-8")


def text(before: str, page: str = "report-schema.md") -> str:
    """A page with the tables of now."""
    for name, columns in pages[page].items():
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
