"""Text from outside in Markdown: in code, so that nothing in it is rendered or loaded."""

from __future__ import annotations

import re

from flows.visible import visible


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
