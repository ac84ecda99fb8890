"""The result of a command on standard output: a table, or JSON. It needs no Prefect."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.markup import escape

from flows.results import FlowResult
from flows.visible import visible


def show_result(name: str, result: FlowResult, *, as_json: bool) -> None:
    """Print the result: a table for people, or one line of JSON for scripts."""
    if as_json:
        text = json.dumps(result.content())
        print(text.replace("\x7f", "\\u007f"))  # the one control character that json leaves
    else:
        closing_table(name, result.table())


def closing_table(title: str, rows: dict[str, str]) -> None:
    """Print a result on standard output, long values on one line so that they can be copied."""
    console = Console(file=sys.stdout, emoji=False)
    width = max(map(len, rows))
    with console.capture() as captured:  # rich itself would exit where the output's reader has gone
        console.print(f"\n[bold]{title}[/]")
        for name, value in rows.items():
            line = f"  [dim]{name:<{width}}[/]  {escape(visible(value))}"
            console.print(line, soft_wrap=True, highlight=False)
    print(captured.get(), end="")
