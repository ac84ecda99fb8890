"""Scores: how much each character of a text surprises a network, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.parameters import ScoringOptions
from flows.reporting.scores.reading import Floats, Network, Tokens, nats_of_pieces
from flows.storage.payload import Payload
from flows.text import Unit, Vocabulary
from flows.text.ahead import in_order
from flows.text.units import Batch, Cutter, Indices, Part, context, line_feed
from rnncore import Parameters, grow

separators: dict[Unit, int] = {  # after each row of a table's column, where that is a document
    "character": 0xFFFF,  # no character of Unicode, so no text has it
    "byte": 0,
}
unknown_point = 0xFFFD  # in whose place all unknown characters are learned
code_points = 0x110000


class Scored(NamedTuple):
    """A batch, and what was found of each of its R rows."""

    batch: Batch
    tokens: Tokens  # (N,) the number after the last token for unknown characters
    counts: Indices  # (R,) characters that were scored
    sums: Floats  # (R,) their nats
    unknown: Indices  # (R,)
    spans: Floats  # (R,) nats per character of the most surprising span
    span_starts: Indices  # (R,) places in the batch
    span_sizes: Indices  # (R,) characters, with a line end


class Scorer:
    """Scores the texts of one checkpoint's network.

    A row is read from a hidden state of zeros, after a line feed if the network knows that, so its
    first character is predicted too, and so is the end of a line. What continues a text is read after
    the 32 characters before it. Rows with unknown characters are read by the network grown by one
    token for all of these; the others by the network itself.
    """

    def __init__(self, payload: Payload, options: ScoringOptions) -> None:
        self.vocabulary = payload.vocabulary
        self._parameters = payload.state.parameters
        self._options = options
        self._unknown = len(self.vocabulary)
        self._token_of = _token_table(self.vocabulary)
        start = int(self._token_of[line_feed])
        self._start = start if start != self._unknown else -1
        self._tail = np.empty(0)  # nats of the last characters of a row that goes on

    def cutter(self, *, in_columns: bool) -> Cutter:
        """What cuts texts as this scores them."""
        options = self._options
        return Cutter(
            unit=options.unit,
            window=options.window,
            longest=options.longest,
            history=max(context, options.span - 1),
            scores_ends=self._start >= 0,
            separator=separators[self.vocabulary.unit] if in_columns else None,
        )

    def scored(self, parts: Iterator[Part], *, in_columns: bool = False) -> Iterator[Scored]:
        """The rows of files, in order; at most a batch is kept."""
        return map(self.score, self.cutter(in_columns=in_columns).batches(parts))

    def score(self, batch: Batch) -> Scored:
        """The rows of the batch after the last one that was scored."""
        tokens = self._tokens(batch)
        nats = nats_of_pieces(self._network(tokens), tokens, batch.pieces)
        return self._sums(batch, tokens, nats)

    def scored_on(
        self,
        executor: Executor,
        batches: Iterator[Batch],
        at_once: int,
        on_wait: Callable[[], None],
    ) -> Iterator[Scored]:
        """The rows of batches, in order, of which `executor` reads some `at_once`.

        Rows that go on from one to the next are put together here: `score` gives the same.
        """

        def submit(batch: Batch) -> tuple[tuple[Batch, Tokens], Future[Floats]]:
            tokens = self._tokens(batch)
            call = executor.submit(nats_of_pieces, self._network(tokens), tokens, batch.pieces)
            return (batch, tokens), call

        for (batch, tokens), nats in in_order(map(submit, batches), at_once, on_wait):
            yield self._sums(batch, tokens, nats)

    def _tokens(self, batch: Batch) -> Tokens:
        return np.take(self._token_of, batch.points)

    def _network(self, tokens: Tokens) -> Network:
        """What reads these tokens."""
        grown = self._grown if (tokens == self._unknown).any() else None
        return Network(self._parameters, grown, self._unknown, self._start)

    @cached_property
    def _grown(self) -> Parameters:
        """The network with one more token, for all characters that it does not know."""
        points = np.append(self.vocabulary.code_points, np.uint32(unknown_point))
        return grow(self._parameters, np.arange(self._unknown), points, seed=0)

    def _sums(self, batch: Batch, tokens: Tokens, nats: Floats) -> Scored:
        from flows.text import unit_kernels as kernels

        rows, count = batch.rows, len(batch.rows)
        nats[batch.known - len(self._tail) : batch.known] = self._tail
        before = len(self._tail) if batch.done else 0
        skipped = self._skipped(batch)
        sums, best, starts = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
        kernels.sum_up(nats, rows, skipped, before, self._options.span, sums, best, starts)
        counts = rows[:, 1] - rows[:, 0] - skipped
        is_first = np.arange(count) == 0
        unknown = np.concatenate([[0], np.cumsum(tokens == self._unknown)])
        if batch.is_open:
            end = rows[-1, 1]  # what goes on has whole pieces, which no span is longer than
            self._tail = nats[end - self._options.span + 1 : end].copy()
        elif count:  # else the row goes on, with the next piece of it that is whole
            self._tail = np.empty(0)
        return Scored(
            batch=batch,
            tokens=tokens,
            counts=counts,
            sums=sums,
            unknown=unknown[rows[:, 2]] - unknown[rows[:, 0]],
            spans=best,
            span_starts=starts,
            span_sizes=np.minimum(self._options.span, counts + np.where(is_first, before, 0)),
        )

    def _skipped(self, batch: Batch) -> NDArray[np.bool_]:
        """Rows whose first character is given, since nothing is known to be before it."""
        rows, pieces = batch.rows, batch.pieces
        skipped = np.zeros(len(rows), bool)
        if self._start < 0:
            given = pieces[pieces[:, 2] == 0, 0]
            skipped = np.isin(rows[:, 0], given)
        return skipped


def _token_table(vocabulary: Vocabulary) -> Tokens:
    """The token of each character, or byte; for an unknown one the number after the last."""
    table = np.full(code_points, len(vocabulary), np.int32)
    table[vocabulary.code_points] = np.arange(len(vocabulary))
    return table
