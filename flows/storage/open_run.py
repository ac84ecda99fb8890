"""A run opened for work: each part of it is read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from flows.exceptions import CorpusError
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.payload import Payload
from flows.storage.runs import Run, load_run
from flows.storage.stores import Store, open_store
from flows.text import Split, Vocabulary
from rnncore import Hyperparameters, iterations_per_epoch


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

    def _wrote(self, payload: Payload) -> bool:
        """Whether a training state is of this run, as its description and its dataset say."""
        mine = self.run.network(), self.vocabulary
        return mine == (payload.state.hyperparameters, payload.vocabulary)

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters of its dataset; verifies the whole dataset."""
        return datasets.load(self.store, self.run.dataset_id).vocabulary

    @property
    def split(self) -> Split:
        """Its texts; verifies the whole dataset."""
        run = self.run
        return datasets.load_split(self.store, run.dataset_id, run.held_out, run.split)

    @property
    def iterations_per_epoch(self) -> int:
        """Iterations of one pass through the training text."""
        return iterations_per_epoch(len(self.split.training), self.run.network())


def open_run(store_url: str, model: str, run_id: str) -> OpenRun:
    """The run of that name; nothing is read yet."""
    return OpenRun(open_store(store_url), model, run_id)


def check_split(split: Split, network: Hyperparameters, held_out: float) -> None:
    """Refuse texts that are too short to train or to evaluate on."""
    needed = network.batch_size * (network.seq_length + 2)
    if len(split.training) < needed:
        raise CorpusError(
            f"the training text has {len(split.training)} characters, expected at least {needed}"
            f" (batch_size {network.batch_size} × (seq_length {network.seq_length} + 2)):"
            " give a longer corpus, or make batch_size or seq_length smaller"
        )
    if held_out and len(split.held_out) < 2:  # noqa: PLR2004 - one to read, one to predict
        raise CorpusError(
            f"the held-out text has {len(split.held_out)} characters, expected at least 2:"
            " give a longer corpus, a larger evaluation.held_out, or 0 to hold nothing out"
        )
