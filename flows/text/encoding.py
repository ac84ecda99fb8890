"""The second pass through a corpus: its characters become tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from flows.text.scanning import piece_bytes
from flows.text.vocabulary import TokenArray, Vocabulary


class Encoder:
    """Encodes the files of a corpus, in flat memory, in UTF-8 that a first pass has checked."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        from flows.text import kernels  # here, since numba is slow to load

        self._kernels = kernels
        self._by_byte = vocabulary.unit == "byte"
        self._token_of = np.zeros(kernels.code_points, vocabulary.dtype)
        self._token_of[vocabulary.code_points] = np.arange(len(vocabulary))
        self._text = np.zeros(piece_bytes + 2 * kernels.slack, np.uint8)
        self._tokens = np.empty(len(self._text), vocabulary.dtype)

    def encode(self, pieces: Iterable[bytes | memoryview]) -> Iterator[TokenArray]:
        """Tokens of a file, given in pieces of at most `piece_bytes`.

        Each array is valid until the next one is asked for.
        """
        kept = 0
        for piece in pieces:
            data = np.frombuffer(piece, np.uint8)
            if self._by_byte:
                yield data
                continue
            size = kept + len(data)
            self._text[kept:size] = data
            count, done = self._kernels.encode(self._text, size, self._token_of, self._tokens)
            yield self._tokens[:count]
            kept = size - done
            self._text[:kept] = self._text[done:size]
