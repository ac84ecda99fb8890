"""HTML of the store's pages: self-contained, without scripts, and with all text from outside escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import repeat
from typing import NamedTuple

from flows.visible import visible

style = """
:root { color-scheme: light dark; --ground: #fbfbf9; --panel: #f2f2ee; --rule: #d8dee4;
  --ink: #24292f; --muted: #57606a; --blue: #0b62c4; --red: #b8283f; --green: #1a7037; --amber: #855400; }
@media (prefers-color-scheme: dark) { :root { --ground: #16191d; --panel: #1f2429; --rule: #3a4149;
  --ink: #dfe3e8; --muted: #a3acb6; --blue: #79b8ff; --red: #ff98a2; --green: #7bd694; --amber: #e8bb68; } }
@media print { :root { color-scheme: light; --ground: #fff; --panel: #fff; --rule: #bbb; --ink: #000;
  --muted: #444; --blue: #0b62c4; --red: #b8283f; --green: #1a7037; --amber: #855400; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem;
  color: var(--ink); background: var(--ground); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 48rem; }
a { color: var(--blue); }
nav, .note, figcaption, caption { color: var(--muted); font-size: .9rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; }
tbody th { font-weight: 400; color: var(--muted); }
th, .promoted, .rejected, .rolled_back { overflow-wrap: normal; }
td a { display: inline-block; min-width: 4.5em; }
th.number { white-space: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
.promoted, .good { color: var(--green); } .rejected, .bad { color: var(--red); } .rolled_back { color: var(--amber); }
.cards { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); margin: .75rem 0; }
.cards figure { margin: 0; padding: .6rem .8rem; background: var(--panel); border: 1px solid var(--rule);
  border-radius: .4rem; min-width: 0; break-inside: avoid; }
pre { margin: .3rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; overflow: hidden; }
.priming { color: var(--muted); }
.chart { margin: .75rem 0; }
.chart svg { display: block; width: 100%; max-width: 56rem; height: auto; }
.chart text { font: 13px system-ui, sans-serif; fill: var(--muted); }
.chart .halo { stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
.key { display: inline-block; width: .7em; height: .7em; margin-right: .35em; border-radius: .15em; }
.legend span { margin-right: 1.25rem; }
.blue { --c: var(--blue); } .red { --c: var(--red); } .green { --c: var(--green); } .amber { --c: var(--amber); }
.grey { --c: var(--muted); }
.key { background: var(--c); } .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.fill { fill: var(--c); } .level { stroke: var(--c); stroke-width: 1; stroke-dasharray: 3 3; fill: none; }
.grid { stroke: var(--rule); fill: none; }
.characters span { display: inline-block; margin: .15rem .3rem .15rem 0; padding: 0 .4rem;
  background: var(--panel); border: 1px solid var(--rule); border-radius: .3rem; }
@media (max-width: 44rem) {
  * { overflow-wrap: anywhere !important; }
  .chart text { font-size: 28px; }
  .wide { display: none; }
  table, tbody, thead, tr, th, td { display: block; border: 0; padding: 0; }
  thead { display: none; }
  tr { padding: .4rem 0; border-bottom: 1px solid var(--rule); }
  td.number { text-align: left; }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--muted); }
}
"""
number_class = ' class="number"'
policy = "; ".join(
    [
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)


class Cell(NamedTuple):
    """HTML of a table's cell; what is no `Cell` there is text, and escaped."""

    html: str
    is_number: bool = False  # then it stands at the right of its column


def number(found: str) -> Cell:
    """A number as people read it."""
    return Cell(text(found), is_number=True)


def link(shown: str, target: str) -> Cell:
    """A link to another file of the store, relative to the page that it is on."""
    return Cell(f'<a href="{escape(target)}">{text(shown)}</a>')


def words(found: str, colour: str) -> Cell:
    """Text in the colour of a decision, which is a class of the style."""
    return Cell(f'<span class="{colour}">{text(found)}</span>')


def code(found: str) -> Cell:
    """A digest, an id or an address."""
    return Cell(f"<code>{text(found)}</code>")


def paragraphs(lines: Iterable[str]) -> Cell:
    """Texts below each other."""
    return Cell("<br>".join(map(text, lines)))


def document(title: str, parts: Iterable[str]) -> bytes:
    """A page whose body is `parts`, as the bytes of its file."""
    body = "\n".join(parts)
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{text(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
""".encode()


def text(found: str) -> str:
    """`found` as HTML shows it, without characters that could change how it is shown."""
    return escape(visible(found))


def block(found: str, before: str = "") -> str:
    """`found` as it is, with its line ends, after what the network had read `before`.

    A parser drops a line end that begins a block, so there is one more.
    """
    read = f'<span class="priming">{_lines(before)}</span>' if before else ""
    return f'<pre dir="auto">\n{read}{_lines(found)}</pre>'


def _lines(found: str) -> str:
    return "\n".join(map(text, found.split("\n")))


def table(names: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> str:
    """A table with a head. On a narrow window each row is a list, with names before its values."""
    listed = list(rows)
    right = [isinstance(cell, Cell) and cell.is_number for cell in listed[0]] if listed else []
    head = "".join(
        f'<th scope="col"{number_class if at_right else ""}>{text(name)}</th>'
        for name, at_right in zip(names, right or repeat(False), strict=False)
    )
    body = "\n".join(f"<tr>{''.join(map(_cell, names, row))}</tr>" for row in listed)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def facts(rows: Mapping[str, str | Cell]) -> str:
    """Names and values below each other."""
    body = "\n".join(
        f'<tr><th scope="row">{text(name)}</th>{_cell("", value)}</tr>'
        for name, value in rows.items()
    )
    return f"<table><tbody>\n{body}\n</tbody></table>"


def _cell(name: str, value: str | Cell) -> str:
    cell = value if isinstance(value, Cell) else Cell(text(value))
    number = number_class if cell.is_number else ""
    named = f' data-name="{text(name)}"' if name else ""
    return f"<td{number}{named}>{cell.html}</td>"
