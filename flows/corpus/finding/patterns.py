"""Patterns of names as a shell has them: `*`, `?`, `[ab]`, `**` for any folders; hidden names need a dot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

from flows.exceptions import CorpusError

States = frozenset[tuple[int, int]]  # of an alternative, how many of its parts may be used up
any_folders = "**"


class Pattern:
    """Alternative patterns of relative paths, matched name by name, in linear time.

    >>> [Pattern("**/*.txt").matches(path) for path in ("a.txt", "b/c/a.txt", "b/.c/a.txt")]
    [True, True, False]
    """

    def __init__(self, *alternatives: str) -> None:
        self._alternatives = [_parts_of(text) for text in alternatives]
        self.start = self._closed((number, 0) for number in range(len(alternatives)))

    @property
    def depth(self) -> int | None:
        """How many folders deep it matches, with the file; None if any."""
        if any(part.deep for parts in self._alternatives for part in parts):
            return None
        return max(map(len, self._alternatives))

    def step(self, states: States, name: str) -> States:
        """The states after one more name; none if nothing below it can match."""
        after = set()
        for number, used in states:
            parts = self._alternatives[number]
            if used < len(parts) and parts[used].matches(name):
                after.add((number, used if parts[used].deep else used + 1))
        return self._closed(after)

    def accepts(self, states: States) -> bool:
        """Whether the whole of an alternative is matched."""
        return any(used == len(self._alternatives[number]) for number, used in states)

    def goes_on(self, states: States) -> bool:
        """Whether something below may match too."""
        return any(used < len(self._alternatives[number]) for number, used in states)

    def matches(self, path: str) -> bool:
        """Whether a relative path matches."""
        states = self.start
        for name in names_in(path):
            states = self.step(states, name)
            if not states:
                return False
        return self.accepts(states)

    def _closed(self, states: Iterable[tuple[int, int]]) -> States:
        """`states`, and those behind any number of folders, which may be none."""
        closed = set(states)
        for number, first in tuple(closed):
            parts, used = self._alternatives[number], first
            while used < len(parts) and parts[used].deep:
                used += 1
                closed.add((number, used))
        return frozenset(closed)


class _Part:
    """One name of a pattern, or `**`."""

    def __init__(self, text: str) -> None:
        self.deep = text == any_folders
        self._with_dot = text.startswith(".")
        self._match = re.compile(translate(text)).match

    def matches(self, name: str) -> bool:
        return (self._with_dot or not is_hidden(name)) and self._match(name) is not None


def _parts_of(text: str) -> list[_Part]:
    names = names_in(text)
    if ".." in names:
        raise CorpusError(f"the pattern {text!r} has .. in it: write the folder itself")
    if names[-1:] == [any_folders]:
        names.append("*")  # all files in them
    return [_Part(name) for name in names]


def below(names: str) -> str:
    """The pattern of files in a folder: of their names at any depth, if `names` has no slash."""
    return names if "/" in names else f"{any_folders}/{names}"


def names_in(path: str) -> list[str]:
    """The names in a path; empty ones and `.` say nothing."""
    return [name for name in path.split("/") if name not in {"", "."}]


def is_hidden(name: str) -> bool:
    """Whether a shell's star leaves it out; `..` is a name like others in an archive."""
    return name.startswith(".") and name != ".."
