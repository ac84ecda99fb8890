"""Text from outside, made visible: no character of it controls a terminal, a log or a page."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""`text` on one line, with what is not printable as escapes, as in a Python string.

    >>> print(visible("a\x1b[2J\nb \udce9 ß 中"))
    a\x1b[2J\nb \udce9 ß 中
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
