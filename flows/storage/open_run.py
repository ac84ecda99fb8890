"""A run opened for work: each part of it is read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from flows.exceptions import CorpusError, DamagedObject
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.datasets import Dataset
from flows.storage.kept_rounds import KeptRounds
from flows.storage.payload import Payload
from flows.storage.runs import Run, load_run
from flows.storage.stores import Store, open_store
from flows.text import Division, Split, Vocabulary, split
from rnncore import Hyperparameters


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run of a model in a store. The store keeps what was read, so nothing is read twice."""

    store: Store
    model: str
    run_id: str

    @property
    def run(self) -> Run:
        """Its description."""
        return load_run(self.store, self.model, self.run_id)

    @property
    def log(self) -> CheckpointLog:
        """Its checkpoints and evaluations."""
        return CheckpointLog(self.store, self.model, self.run_id, self._wrote)

    @property
    def kept_rounds(self) -> KeptRounds:
        """Ends of rounds since its newest checkpoint."""
        return KeptRounds(self.store, self.model, self.run_id, self._wrote)

    def _wrote(self, payload: Payload) -> bool:
        """Whether a training state is of this run, as its description and its dataset say."""
        run, characters = self.run, self.dataset.vocabulary
        mine = characters if run.parent is None else payload.vocabulary.union(characters)
        rounds = payload.state.rounds
        shards = len(rounds.positions) if rounds else None
        expected = run.network(), mine, run.shards
        return expected == (payload.state.hyperparameters, payload.vocabulary, shards)

    @property
    def dataset(self) -> Dataset:
        """The text that it trains on, verified in every byte."""
        return datasets.load(self.store, self.run.dataset_id)

    @property
    def vocabulary(self) -> Vocabulary:
        """Its characters: those of its text, and of the checkpoint that it started from."""
        if self.run.parent is None:
            return self.dataset.vocabulary
        key = self.model, self.run_id
        return self.store.cache.get("vocabulary", key, self._read_vocabulary)

    @property
    def division(self) -> Division:
        """Its texts as blocks, in tokens of the dataset."""
        run = self.run
        return self.dataset.divide(run.held_out, run.split)

    @property
    def split(self) -> Split:
        """Its texts, in its own tokens."""
        return self.split_for(self.vocabulary)

    def split_for(self, vocabulary: Vocabulary) -> Split:
        """Its texts in tokens of a vocabulary that has all of their characters."""
        key = self.model, self.run_id, vocabulary.characters
        return self.store.cache.get("split", key, lambda: self._split(vocabulary))

    @property
    def iterations_per_epoch(self) -> int:
        """Iterations of one pass through the training text."""
        return self.run.iterations_per_epoch(self.division.training.characters)

    def _read_vocabulary(self) -> Vocabulary:
        if (newest := self.log.newest()) is None:
            raise DamagedObject(f"run {self.run_id} of model {self.model}", "has no checkpoint")
        return newest.payload.vocabulary

    def _split(self, vocabulary: Vocabulary) -> Split:
        mine, places = self.dataset.vocabulary, None
        if vocabulary != mine:
            places = vocabulary.places_of(mine)
        return split(self.division, places, interleaved=self.run.interleaved)


def open_run(store_url: str, model: str, run_id: str) -> OpenRun:
    """The run of that name; nothing is read yet."""
    return OpenRun(open_store(store_url), model, run_id)


def check_split(
    texts: Division, network: Hyperparameters, held_out: float, shards: int = 1
) -> None:
    """Refuse texts that are too short to train, in so many shards, or to evaluate on."""
    needed = network.batch_size * (network.seq_length + 2)
    if (
        texts.training.characters >= needed
        and (most := texts.training.characters // needed) < shards
    ):
        raise CorpusError(
            f"the training text has {texts.training.characters} characters, enough for {most}"
            f" shards of a sequence each (batch_size {network.batch_size} × (seq_length"
            f" {network.seq_length} + 2) characters), not for {shards}: give a longer corpus, or"
            " make training.shards smaller"
        )
    if texts.training.characters < needed:
        raise CorpusError(
            f"the training text has {texts.training.characters} characters, expected at least"
            f" {needed} (batch_size {network.batch_size} × (seq_length {network.seq_length} + 2)):"
            " give a longer corpus, or make batch_size or seq_length smaller"
        )
    if held_out and texts.held_out.characters < 2:  # noqa: PLR2004 - one to read, one to predict
        raise CorpusError(
            f"the held-out text has {texts.held_out.characters} characters, expected at least 2:"
            " give a longer corpus, a larger evaluation.held_out, or 0 to hold nothing out"
        )
