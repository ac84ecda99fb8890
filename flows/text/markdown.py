"""Text from outside in Markdown: in code, so that nothing in it is rendered or loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flows.visible import visible

line_width = 60  # characters of a line in a block that both of Prefect's UIs show whole


def wrapped(text: str) -> str:
    """`text` with long lines broken, after a space where there is one: blocks of code do not wrap.

    >>> print(wrapped("abcde " * 11))  # doctest: +NORMALIZE_WHITESPACE
    abcde abcde abcde abcde abcde abcde abcde abcde abcde abcde
    abcde
    """
    return "\n".join(piece for line in text.split("\n") for piece in _pieces(line))


def _pieces(line: str) -> Iterator[str]:
    while len(line) > line_width:
        end = line.rfind(" ", 1, line_width) + 1 or line_width
        yield line[:end]
        line = line[end:]
    yield line


def code_block(text: str) -> str:
    """`text` as a block of Markdown that is shown as it is."""
    lines = "\n".join(map(visible, text.split("\n")))
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}text\n{lines}\n{fence}"


def code_span(text: str) -> str:
    """`text` within a line of Markdown, shown as it is; line ends, which could end it, are escapes."""
    fence = "`" * (_longest_backticks(text) + 1)
    return f"{fence} {visible(text)} {fence}"


def cell(text: str) -> str:
    """`text` in a row of a table, in which a bar ends a cell even within a code span."""
    return code_span(visible(text).replace("|", "\\x7c"))


def _longest_backticks(text: str) -> int:
    """Length of the longest run of backticks in `text`: a fence has to be longer."""
    return max(map(len, re.findall("`+", text)), default=0)
