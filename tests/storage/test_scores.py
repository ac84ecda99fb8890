"""The columns of scores are those that the documentation names."""

from __future__ import annotations

from pathlib import Path

from flows.storage.scores import columns

page = Path(__file__).parents[2] / "docs" / "scoring.md"


def test_the_documentation_has_each_column_with_its_meaning() -> None:
    """In the order of the file."""
    expected = [
        f"| `{column.name}` | {column.type}{', or null' if column.nullable else ''}"
        f" | {column.meaning.replace('<', '&lt;')} |"
        for column in columns
    ]

    lines = page.read_text().splitlines()
    first = lines.index("| column | type | meaning |") + 2
    assert expected == lines[first : first + len(expected)]
