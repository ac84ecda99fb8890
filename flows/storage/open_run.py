"""A run opened for work: its description, its texts, its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.exceptions import CorpusError
from flows.storage.files import open_store
from flows.storage.runs import Run, load_run
from flows.storage.splits import Split, load_split
from flows.storage.vocabulary import Vocabulary
from rnncore import Hyperparameters, iterations_per_epoch


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Everything that a task on a run needs."""

    run: Run
    split: Split
    vocabulary: Vocabulary
    log: CheckpointLog

    @property
    def iterations_per_epoch(self) -> int:
        """Iterations that one pass through the training text takes."""
        return iterations_per_epoch(len(self.split.training), self.run.network())


def open_run(store_url: str, model: str, run_id: str) -> OpenRun:
    """The run of that name, read from the store."""
    store = open_store(store_url)
    run = load_run(store, model, run_id)
    return OpenRun(
        run=run,
        split=load_split(store_url, run.dataset_id, run.held_out, run.split),
        vocabulary=datasets.load(store_url, run.dataset_id).vocabulary,
        log=CheckpointLog(store, model, run_id),
    )


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
