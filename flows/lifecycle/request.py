"""A request to train: what is asked for, and whether a corpus can serve it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from flows.parameters import EvaluationOptions, SamplingOptions, TrainingOptions
from flows.storage.datasets import Dataset
from flows.storage.open_run import check_split
from flows.storage.runs import Run, make_run
from flows.text import Split
from rnncore import iterations_per_epoch


class TrainingRequest(BaseModel):
    """A training run of a model, and samples that are drawn from the trained model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    seed: int
    training: TrainingOptions
    evaluation: EvaluationOptions
    sampling: SamplingOptions | None = None  # None: no report is asked for

    def split(self, dataset: Dataset) -> Split:
        """The texts to train on and to hold out; `CorpusError` for a corpus that cannot serve."""
        if self.sampling:
            dataset.vocabulary.encode(self.sampling.priming, "priming text")
        texts = dataset.split(self.evaluation.held_out, self.evaluation.split)
        check_split(texts, self.training.network(), self.evaluation.held_out)
        return texts

    def run_on(self, dataset_id: str) -> Run:
        """The training run on a dataset."""
        return make_run(
            dataset_id,
            held_out=self.evaluation.held_out,
            split=self.evaluation.split,
            seed=self.seed,
            network=self.training.network(),
        )

    def goal(self, iterations_per_epoch: int) -> int:
        """The iteration at which the last epoch ends."""
        return self.training.epochs * iterations_per_epoch

    def iterations_per_epoch(self, texts: Split) -> int:
        """Iterations of one pass through the training text."""
        return iterations_per_epoch(len(texts.training), self.training.network())
