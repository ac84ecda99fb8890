"""Ingestion: a corpus as a dataset, in two passes; one that is known already is not read again."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import numpy as np

from flows.corpus import (
    CorpusRequest,
    Text,
    Texts,
    changed,
    check_outside,
    find_files,
    strong_fingerprints,
)
from flows.exceptions import CorpusError, DamagedObject
from flows.storage import datasets
from flows.storage.copies import cache_folder
from flows.storage.damage import warn
from flows.storage.datasets import Dataset, Scan, ScannedText
from flows.storage.profiles import ProfiledFile, bounded_files
from flows.storage.sources import ReadSource
from flows.storage.stores import Store
from flows.text import ScannedFile, SplitMethod, TokenArray
from flows.text.side_by_side import Lanes, encode_all

logger = logging.getLogger(__name__)
most_threads = 8  # that read files: more wait for the disk, and for each other
shown_files = 10  # with problems, in the log; all are in the profile
shown_rare = 10  # characters, where there are too many
rare_character = "\u25a1"  # a white square, for characters under `minimum_count`


class OpenCorpus:
    """A corpus whose files were found; it is read when its text is asked for."""

    def __init__(
        self,
        store: Store,
        request: CorpusRequest,
        on_bytes: Callable[[int], None],
        threads: int | None = None,
    ) -> None:
        corpus, encoding, options, storage_options = request
        check_outside(store, request)
        files = find_files(corpus, options, storage_options, unpack=False)
        self._store = store
        self._request = request
        self._options = options
        self._on_bytes = on_bytes
        self._threads = threads or reading_threads()
        self._stored = files
        self._state = strong_fingerprints(files)
        self._source = ReadSource(store, corpus, encoding, options.shaping())
        self.is_known = False  # from the state of its files: it was not read
        self._closing = ExitStack()
        self.files: tuple[ProfiledFile, ...] = ()  # of a corpus that was read

    @property
    def size(self) -> int | None:
        """Bytes of its files as they are stored, where that is known."""
        sizes = [facts["size"] for facts in self._state or ()]
        return sum(sizes) if sizes and None not in sizes else None

    def text(self, method: SplitMethod = "content") -> ScannedText:
        """The text: the dataset in the store if the files are known, else scanned.

        It can be divided by `method`, for which it may have to be encoded. `CorpusError` for one
        that no network can learn from.
        """
        text = self._known() or self._scanned()
        return self.dataset(text) if method == "chunks" else text

    def tokens(self, text: ScannedText) -> Iterator[TokenArray]:
        """The tokens of all files, in pieces; each is valid until the next one is asked for."""
        files = (
            (file.characters, unchanged(pieces, file.sha256, name))
            for (name, pieces), file in zip(self._texts.read(), text.files, strict=True)
        )
        yield from encode_all(files, text.vocabulary, self._lanes(self._threads))

    def save(self, text: ScannedText, method: SplitMethod = "content") -> None:
        """Store the text, unless an intact dataset is there; remember that these files gave it."""
        if not datasets.is_intact(self._store, text.dataset_id):
            tokens = None if isinstance(text, Dataset) else self.tokens(text)
            datasets.save(self._store, text, tokens)
        datasets.complete(self._store, text, method)
        if self._state is None or self.is_known:
            return
        # What changed between the look and the reading gave another dataset than its state says.
        if self._state == strong_fingerprints(self._stored):
            self._source.save(self._state, text.dataset_id)

    def dataset(self, text: ScannedText) -> Dataset:
        """The text with its tokens: those in the store, or else in a temporary file."""
        if isinstance(text, Dataset):
            return text
        if datasets.is_intact(self._store, text.dataset_id):
            return datasets.load(self._store, text.dataset_id)
        file = TemporaryFile(dir=cache_folder())  # noqa: SIM115 - it is open as long as it is mapped
        return datasets.write_temporary(text, self.tokens(text), file)

    def close(self) -> None:
        """Remove temporary files."""
        self._closing.close()

    @cached_property
    def _texts(self) -> Texts:
        """The files, archives unpacked."""
        corpus, encoding, options, storage_options = self._request
        files = find_files(corpus, options, storage_options)
        return self._closing.enter_context(closing(Texts(files, encoding, options, self._on_bytes)))

    def _known(self) -> Dataset | None:
        if self._options.verify or self._state is None:
            return None
        if (self.size or 0) > self._options.maximum_bytes:
            return None  # reading says so
        dataset_id = self._source.dataset_of(self._state)
        if dataset_id is None or not datasets.exists(self._store, dataset_id):
            return None
        try:
            known = datasets.load(self._store, dataset_id)
        except DamagedObject as error:
            warn(error, "the corpus is read again")
            return None
        if len(known.vocabulary) > self._options.maximum_vocabulary:
            return None  # reading tells which characters are the rarest
        self.is_known = True
        return known

    def _scan(self) -> Scan:
        try:
            return self._scan_on(self._threads)
        except CorpusError:
            if not (self._threads > 1 and self._texts.is_over_budget):
                raise
        # Which of the files that were read at once is one too many is told by their order.
        self._texts.start_again()
        return self._scan_on(1)

    def _scan_on(self, threads: int) -> Scan:
        file = TemporaryFile(dir=cache_folder())  # noqa: SIM115 - it is open as long as it is mapped
        read, unit = self._texts.read(), self._options.unit
        return datasets.scan(read, unit, cast("BinaryIO", file), self._lanes(threads))

    def _lanes(self, threads: int) -> Lanes:
        """Threads that read the files; a single file has the caller's."""
        return Lanes(threads, len(self._texts.texts), self._texts.stop)

    def _scanned(self) -> ScannedText:
        scan = self._scan()
        if rare := _rare(scan, self._options.minimum_count):
            self._texts.replace(rare, rare_character)
            scan = self._scan()
        check_scan(scan, self._texts.names, self._options.maximum_vocabulary)
        self.files = bounded_files(tuple(map(_profiled, self._texts.texts, scan.files)))[0]
        for file in [file for file in self.files if file.problems][:shown_files]:
            logger.warning("%s: %s", file.name, "; ".join(file.problems))
        return scan.text


def reading_threads() -> int:
    """In how many threads files are read."""
    return min(most_threads, len(os.sched_getaffinity(0)))


@contextmanager
def open_corpus(
    store: Store,
    request: CorpusRequest,
    on_bytes: Callable[[int], None],
    threads: int | None = None,
) -> Iterator[OpenCorpus]:
    """A corpus, closed at the end; its files are read in as many threads as there are cores."""
    opened = OpenCorpus(store, request, on_bytes, threads)
    try:
        yield opened
    finally:
        opened.close()


def unchanged(
    pieces: Iterable[bytes | memoryview], sha256: str, name: str
) -> Iterator[bytes | memoryview]:
    """All pieces of a file; `CorpusError` if they are not those that were read before."""
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(piece)
        yield piece
    if whole.hexdigest() != sha256:
        raise changed(name)


def check_scan(scan: Scan, names: Sequence[str], most: int) -> None:
    """Refuse a text that no network can learn from."""
    shown = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    distinct = np.flatnonzero(scan.counts)
    vocabulary = scan.text.vocabulary
    if not len(distinct):
        raise CorpusError(f"the corpus {shown} is empty: give a text of some thousand characters")
    if len(distinct) == 1:
        raise CorpusError(
            f"the corpus {shown} has a single distinct character,"
            f" {vocabulary.characters[distinct[0]]!r}: there is nothing to predict, give a real text"
        )
    if len(vocabulary) > most:
        order = np.argsort(scan.counts, kind="stable")[:shown_rare]
        rarest = ", ".join(
            f"{vocabulary.characters[place]!r} U+{ord(vocabulary.characters[place]):04X}"
            f" ({scan.counts[place]:,})"
            for place in order
        )
        raise CorpusError(
            f"the corpus {shown} has {len(vocabulary):,} distinct characters, expected at most"
            f" {most:,}; the rarest are {rarest}: check its encoding, or set reading.minimum_count"
            " or reading.maximum_vocabulary"
        )


def _profiled(text: Text, scanned: ScannedFile) -> ProfiledFile:
    """A file, and what a person should know of it."""
    problems = []
    if count := text.problems.invalid:
        first = "".join(
            f", the first at byte offset {at:,}" for at in text.problems.first_invalid[:1]
        )
        problems.append(f"{count:,} invalid sequences of bytes were replaced or dropped{first}")
    if count := text.nulls.count:
        problems.append(f"{count:,} rows without a text were left out")
    if scanned.first_control is not None:
        problems.append(
            f"{scanned.controls:,} control characters, the first at byte offset"
            f" {scanned.first_control:,} of its text in UTF-8"
        )
    if text.replaced:
        problems.append(f"{text.replaced:,} rare characters became {rare_character}")
    return ProfiledFile(name=text.file.url, characters=scanned.characters, problems=tuple(problems))


def _rare(scan: Scan, least: int) -> str:
    """The characters that occur less often than `least` times, but for the one that replaces them."""
    if scan.text.vocabulary.unit == "byte":
        return ""
    characters = scan.text.vocabulary.characters
    rare = (characters[place] for place in np.flatnonzero(scan.counts < least))
    return "".join(character for character in rare if character != rare_character)
