"""Characters and their numbers: every distinct character of a text, in code-point order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flows.exceptions import CorpusError

TokenArray = NDArray[np.integer]
Unit = Literal["character", "byte"]  # what a token stands for
most_shown = 120  # characters of a vocabulary in a message
slice_characters = 1 << 18  # 1 MiB of code points at a time stays in the cache


@dataclass(frozen=True)
class Vocabulary:
    """An ordered set of characters; a token is a character's place in it.

    Where the unit is a byte there are 256 tokens, the values of a byte, whose characters are those
    of Latin-1; texts are in UTF-8.

    >>> Vocabulary.of_text("hello").characters
    'ehlo'
    >>> Vocabulary("ehlo").encode("hole").tolist()
    [1, 3, 2, 0]
    >>> Vocabulary.of_bytes().encode("é").tolist()
    [195, 169]
    """

    characters: str
    unit: Unit = "character"

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Every byte."""
        return cls("".join(map(chr, range(256))), "byte")

    @classmethod
    def of_text(cls, *texts: str) -> Vocabulary:
        """Every distinct character of `texts`, by code point: never by the order of a set."""
        return cls("".join(sorted(set().union(*texts))))

    @classmethod
    def of_code_points(cls, points: NDArray[np.integer]) -> Vocabulary:
        """The characters at ascending code points."""
        return cls(points.astype("<u4").tobytes().decode("utf-32-le"))

    @classmethod
    def from_list(cls, content: Any, unit: Any = "character") -> Vocabulary:
        """The vocabulary of a list of characters; ValueError if it is not one in its order."""
        if not isinstance(content, list) or not all(
            isinstance(character, str) and len(character) == 1 for character in content
        ):
            raise ValueError("not a list of single characters")
        if content != sorted(set(content)):
            raise ValueError("characters are not in code-point order, each once")
        if any("\ud800" <= character <= "\udfff" for character in content):
            raise ValueError("half a surrogate pair is no character")
        found = cls("".join(content), unit)
        if unit != "character" and found != cls.of_bytes():
            raise ValueError("not the characters of its unit")
        return found

    def union(self, other: Vocabulary) -> Vocabulary:
        """All characters of both; `CorpusError` where they have another unit."""
        if self.unit != other.unit:
            raise CorpusError(
                f"the unit of the text is the {other.unit}, that of the model the {self.unit}:"
                " set reading.unit as it was, or train another model"
            )
        return self if self == other else Vocabulary.of_text(self.characters, other.characters)

    def __len__(self) -> int:
        return len(self.characters)

    @cached_property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest unsigned integer that holds every token."""
        return np.min_scalar_type(max(0, len(self) - 1))

    @cached_property
    def code_points(self) -> NDArray[np.uint32]:
        """Code point of each token, (V,)."""
        return np.frombuffer(self.characters.encode("utf-32-le"), np.uint32)

    @cached_property
    def _token_of(self) -> NDArray[np.unsignedinteger]:
        """Token of each code point up to the highest; 0 for a character that is not in it."""
        table = np.zeros(int(self.code_points[-1]) + 1, self.dtype)
        table[self.code_points] = np.arange(len(self))
        return table

    def encode(self, text: str, what: str = "text") -> NDArray[np.unsignedinteger]:
        """Tokens of `text` in the smallest dtype; `CorpusError` names a character not in it."""
        if self.unit == "byte":
            return np.frombuffer(text.encode(), np.uint8)
        tokens = np.empty(len(text), self.dtype)
        for start in range(0, len(text), slice_characters):
            piece = text[start : start + slice_characters]
            points = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), np.uint32)
            known = np.minimum(points, self.code_points[-1])
            found = self._token_of[known]
            unknown = np.flatnonzero(self.code_points[found] != points)
            if unknown.size:
                self._refuse(piece[unknown[0]], start + int(unknown[0]), what)
            tokens[start : start + len(piece)] = found
        return tokens

    def decode(self, tokens: NDArray[np.integer]) -> str:
        """The text that `tokens` stand for; bytes that are no UTF-8 become U+FFFD."""
        if self.unit == "byte":
            return self.to_bytes(tokens).decode("utf-8", "replace")
        text: str = self.code_points[tokens].tobytes().decode("utf-32-le", "surrogatepass")
        return text

    def to_bytes(self, tokens: NDArray[np.integer]) -> bytes:
        """The text that `tokens` stand for, in UTF-8, or as the bytes that they are."""
        if self.unit == "byte":
            return tokens.astype(np.uint8).tobytes()
        return self.decode(tokens).encode("utf-8", "surrogatepass")

    def places_of(self, other: Vocabulary) -> NDArray[np.unsignedinteger]:
        """The token here of each token of `other`, (its V,); `CorpusError` if one is not here."""
        if self == other:
            return np.arange(len(self)).astype(self.dtype)
        return Vocabulary(self.characters).encode(other.characters, "vocabulary")

    def knows(self, other: Vocabulary) -> NDArray[np.bool_]:
        """Which characters of `other` are in this one, (its V,)."""
        return np.isin(other.code_points, self.code_points)

    def _refuse(self, character: str, position: int, what: str) -> None:
        shown = self.characters
        if len(self) > most_shown:
            shown = f"{shown[:most_shown]}…"
        raise CorpusError(
            f"the {what} has {character!r} (U+{ord(character):04X}) at position {position},"
            f" which the model's vocabulary lacks: use only its {len(self)} characters, {shown!r}"
        )
