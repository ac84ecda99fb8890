"""Scoring: a text read by a checkpoint, row by row, into a file of scores."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pyarrow as pa

from flows.corpus import CorpusRequest, Texts, check_outside, find_files
from flows.exceptions import CorpusError, OptionConflict, StorageError
from flows.lifecycle.estimates import Estimate, program_bytes
from flows.lifecycle.ingestion import unchanged
from flows.lifecycle.limits import memory_limit
from flows.parameters import ScoringOptions
from flows.references import ScoreRef, SurprisingRef
from flows.reporting.scores.rows import Rows
from flows.reporting.scores.scorer import Scorer, separators
from flows.reporting.scores.threshold import held_out_threshold
from flows.reporting.selection import select_checkpoint
from flows.storage import scores
from flows.storage.canonical import identity
from flows.storage.checkpoints import CheckpointLog
from flows.storage.open_run import OpenRun
from flows.storage.scores import ScoredCheckpoint, ScoreRecord
from flows.storage.stores import Store
from flows.text import ScannedFile, Scanner, Unit
from flows.text.ahead import ahead
from flows.text.units import Part, Points
from rnncore import estimates

row_bytes = 3  # on disk for each character of the text: the row, its span and its numbers
batch_bytes = 100_000_000  # of memory for a batch that is in work
other_batches = 2  # that are cut and written meanwhile
OnCharacters = Callable[[int, int], None]  # scored so far, of all


class ScoreRequest(NamedTuple):
    """The text to score, with which checkpoint, and how."""

    model: str
    run_id: str | None
    version: int | None
    asked: CorpusRequest
    options: ScoringOptions


class Scoring:
    """A text that was found and read once, and the checkpoint to score it with."""

    def __init__(
        self, store: Store, request: ScoreRequest, on_bytes: Callable[[int], None]
    ) -> None:
        check_outside(store, request.asked)
        self.store, self.options, self.model = store, request.options, request.model
        self.selected = select_checkpoint(store, request.model, request.run_id, request.version)
        self._log = CheckpointLog(store, request.model, self.selected.run_id)
        self._payload = self._log.read(self.selected.record)
        self._unit: Unit = self._payload.vocabulary.unit
        self._in_columns = request.asked.options.corpus_column is not None
        self._texts = self._open(request.asked, on_bytes)
        self._files: tuple[ScannedFile, ...] | None = None

    def _open(self, asked: CorpusRequest, on_bytes: Callable[[int], None]) -> Texts:
        corpus, encoding, options, storage_options = asked
        changes: dict[str, str] = {"unit": self._unit}  # the model's, whatever the text's may be
        if self._in_columns and self.options.unit == "document":
            changes["corpus_separator"] = chr(separators[self._unit])
        options = options.model_copy(update=changes)
        return Texts(find_files(corpus, options, storage_options), encoding, options, on_bytes)

    def close(self) -> None:
        """Remove temporary files."""
        self._texts.close()

    @cached_property
    def files(self) -> tuple[ScannedFile, ...]:
        """The files, read once: their bytes are known to be text."""
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - blocks are not asked for
            scanner, sink = Scanner(self._unit), cast("BinaryIO", nothing)
            found = tuple(scanner.scan(pieces, name, sink) for name, pieces in self._texts.read())
        if not any(file.characters for file in found):
            names = self._texts.names
            more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            raise CorpusError(f"the text {names[0]}{more} is empty: there is nothing to score")
        return found

    @property
    def characters(self) -> int:
        """Length of the text."""
        return sum(file.characters for file in self.files)

    @property
    def checkpoint(self) -> ScoredCheckpoint:
        """What the text is scored with."""
        run_id, record, version = self.selected
        return ScoredCheckpoint(self.model, run_id, version, record.digest)

    @cached_property
    def score_id(self) -> str:
        """Equal for equal checkpoint, options and text, by its names and its contents."""
        digests = [file.sha256 for file in self.files]
        files = [list(pair) for pair in zip(self._texts.names, digests, strict=True)]
        shaping = [self.options.shaping(), self._in_columns and self.options.unit == "document"]
        return identity([scores.score_format, list(self.checkpoint), shaping, files])

    def known(self) -> ScoreRecord | None:
        """What the store has of the same request."""
        return scores.find(self.store, self.model, self.score_id)

    @cached_property
    def threshold(self) -> float | None:
        """Nats per character above which a row is surprising; None where nothing is held out."""
        if self.options.threshold is not None:
            return self.options.threshold
        opened = OpenRun(self.store, self.model, self.selected.run_id)
        try:
            found = held_out_threshold(opened, Scorer(self._payload, self.options))
        except StorageError as error:
            raise OptionConflict(
                f"no threshold can be found from the held-out text of run {opened.run_id}"
                f" ({error}): give scoring.threshold"
            ) from error
        if found is None and self.options.alert_share is not None:
            raise OptionConflict(
                f"run {opened.run_id} holds no text out, from which a threshold could be found, so"
                " scoring.alert_share needs scoring.threshold: give both"
            )
        return found

    def estimate(self, at_once: int = 2) -> Estimate:
        """What it takes with so many batches that are read at once."""
        if self.known():
            return Estimate(program_bytes)
        V, H = len(self._payload.vocabulary), self._payload.state.parameters.hidden_size
        network = self._payload.state.hyperparameters
        return Estimate(
            memory=program_bytes
            + (at_once + other_batches) * batch_bytes
            + estimates.reading_bytes(V, network),
            disk=row_bytes * self.characters,
            files=2,
            operations=self.characters * estimates.reading_operations(V, H),
        )

    def write(self, executor: Executor, at_once: int, on_characters: OnCharacters) -> ScoreRecord:
        """Score all rows into a file, which appears whole or not at all; then record it.

        `executor` reads the text, `at_once` so many batches of it; the rows are the same for any.
        """
        path = scores.score_path(self.store, self.checkpoint, self.score_id)
        rows = Rows(
            self._payload.vocabulary,
            self.checkpoint,
            self.score_id,
            datetime.now(UTC),
            self._texts.names,
            self.threshold,
        )
        tables = self._tables(rows, executor, at_once, on_characters)
        scores.write(self.store, path, tables)
        return scores.save(self.store, self.model, self._record(path, rows))

    def _tables(
        self, rows: Rows, executor: Executor, at_once: int, on_characters: OnCharacters
    ) -> Iterator[pa.Table]:
        """All rows, those of a batch at a time: one is cut, some are read and one is written at once."""
        scorer = Scorer(self._payload, self.options)

        def tell() -> None:
            # Line ends count too where they are scored.
            on_characters(min(rows.totals.characters, self.characters), self.characters)

        batches = ahead(scorer.cutter(in_columns=self._in_columns).batches(self._parts()))
        scored = ahead(scorer.scored_on(executor, batches, at_once, tell))
        with closing(batches), closing(scored):
            for table in rows.tables(scored):
                yield table
                tell()
        if not rows.totals.rows:
            raise CorpusError(
                f"the text {self._texts.names[0]} has no row with a character: there is nothing to"
                " score"
            )

    def _record(self, path: str, rows: Rows) -> ScoreRecord:
        totals = rows.totals
        return ScoreRecord(
            format=scores.score_format,
            score_id=self.score_id,
            path=path,
            rows=totals.rows,
            characters=totals.characters,
            nats_per_character=totals.nats / max(totals.characters, 1),
            unknown=totals.unknown,
            threshold=self.threshold,
            is_derived=self.options.threshold is None,
            surprising=totals.surprising,
            worst=tuple(row for *_, row in sorted(totals.worst, reverse=True, key=lambda e: e[:2])),
        )

    def _parts(self) -> Iterator[Part]:
        """The characters of all files, as they were when they were read first."""
        for number, ((name, pieces), file) in enumerate(
            zip(self._texts.read(), self.files, strict=True)
        ):
            waiting: Points = np.empty(0, np.uint32)
            for points in _points(unchanged(pieces, file.sha256, name), self._unit):
                if len(waiting):
                    yield Part(number, waiting, is_end=False)
                waiting = points
            yield Part(number, waiting, is_end=True)


def batches_at_once(workers: int, *, is_here: bool) -> int:
    """How many batches are given to workers of an engine before the first one is read.

    A batch has all cores of the process that reads it, so two are enough here; workers elsewhere
    have one each, and one that is on its way. They are no more than half of the memory has room for.
    """
    room = memory_limit() // 2 // batch_bytes
    return max(1, min(min(workers, 2) if is_here else 2 * workers, room))


@contextmanager
def open_scoring(
    store: Store, request: ScoreRequest, on_bytes: Callable[[int], None]
) -> Iterator[Scoring]:
    """A scoring, closed at the end."""
    opened = Scoring(store, request, on_bytes)
    try:
        yield opened
    finally:
        opened.close()


def _points(pieces: Iterator[bytes | memoryview], unit: Unit) -> Iterator[Points]:
    """The characters of a text in UTF-8, which was checked before; or its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        if unit == "byte":
            yield np.frombuffer(piece, np.uint8).astype(np.uint32)
        else:
            yield np.frombuffer(decoder.decode(piece).encode("utf-32-le"), np.uint32)


def score_reference(opened: Scoring, record: ScoreRecord) -> ScoreRef:
    """The reference to scores in the store, and whether they are an alert."""
    model, run_id, version, digest = opened.checkpoint
    return ScoreRef(
        model=model,
        run_id=run_id,
        version=version,
        checkpoint_digest=digest,
        score_id=record.score_id,
        score_url=opened.store.location(record.path),
        rows=record.rows,
        characters=record.characters,
        nats_per_character=record.nats_per_character,
        unknown=record.unknown,
        threshold=record.threshold,
        threshold_is_derived=record.is_derived,
        surprising=record.surprising,
        share=record.share,
        is_alert=record.share > opened.options.most_surprising,
        worst=tuple(SurprisingRef(**row.model_dump()) for row in record.worst),
    )
