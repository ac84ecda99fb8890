"""What a corpus is read for: one that cannot serve is refused before anything is stored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from flows.parameters import EvaluationOptions, TrainingOptions
from flows.storage.datasets import Dataset
from flows.storage.open_run import check_split
from flows.storage.runs import Run, make_run
from flows.storage.splits import Split, split


class Purpose(BaseModel):
    """The training that a corpus is for, and a text that the trained model must be able to read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: TrainingOptions
    evaluation: EvaluationOptions
    priming: str = ""

    def divide(self, dataset: Dataset) -> Split:
        """The texts to train on and to hold out; `CorpusError` for one that will not do."""
        dataset.vocabulary.encode(self.priming, "priming text")
        texts = split(dataset, self.evaluation.held_out, self.evaluation.split)
        check_split(texts, self.training.network(), self.evaluation.held_out)
        return texts

    def run_on(self, dataset_id: str, seed: int) -> Run:
        """The training run on a dataset."""
        return make_run(
            dataset_id,
            held_out=self.evaluation.held_out,
            split=self.evaluation.split,
            seed=seed,
            network=self.training.network(),
        )
