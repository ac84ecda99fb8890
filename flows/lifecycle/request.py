"""A request to train: what is asked for, and whether a corpus can serve it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from flows.exceptions import CorpusError
from flows.parameters import EvaluationOptions, ReadingOptions, SamplingOptions, TrainingOptions
from flows.reporting.samples.priming import encode_primings, encode_stop
from flows.storage.datasets import ScannedText
from flows.storage.open_run import check_split
from flows.storage.runs import Run, make_run
from flows.text import Division, Vocabulary

short_text = 100_000  # characters; training on fewer of them keeps Adagrad's sums
usual_decay = 0.1  # of the sums: within 0.035 bits of the best over thirty nights of growth


class TrainingRequest(BaseModel):
    """A training run of a model, and samples that are drawn from the trained model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    seed: int
    training: TrainingOptions
    evaluation: EvaluationOptions
    sampling: SamplingOptions | None = None  # None: no report is asked for
    maximum_vocabulary: int = ReadingOptions().maximum_vocabulary
    force: bool = False  # train again, from the champion, what is done already

    def divide(self, dataset: ScannedText) -> Division:
        """The texts to train on and to hold out; `CorpusError` for a corpus that cannot serve."""
        self.check_vocabulary(dataset.vocabulary)
        texts = dataset.divide(self.evaluation.held_out, self.evaluation.split)
        check_split(texts, self.training.network(), self.evaluation.held_out, self.training.shards)
        return texts

    def check_priming(self, vocabulary: Vocabulary) -> None:
        """Refuse priming texts and a stop text with characters that a run's vocabulary lacks."""
        if self.sampling:
            encode_primings(vocabulary, self.sampling)
            encode_stop(vocabulary, self.sampling)

    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Refuse a vocabulary in which nothing can be predicted, or larger than is asked for."""
        most = self.maximum_vocabulary
        if len(vocabulary) < 2:  # noqa: PLR2004 - one would be certain
            raise CorpusError(
                f"the text has {len(vocabulary)} distinct character, expected at least 2: check the"
                " corpus"
            )
        if len(vocabulary) > most:
            raise CorpusError(
                f"the vocabulary has {len(vocabulary):,} characters, expected at most {most:,}:"
                " check the corpus, or set reading.maximum_vocabulary or reading.minimum_count"
            )

    def run_on(self, dataset_id: str, training_characters: int, parent: str | None) -> Run:
        """The training run on so many characters of a dataset, from scratch or from a checkpoint."""
        order = self.training.order or ("interleaved" if parent else "as_given")
        patience = self.evaluation.patience
        return make_run(
            dataset_id,
            held_out=self.evaluation.held_out,
            split=self.evaluation.split,
            seed=self.seed,
            network=self.training.network(),
            parent=parent,
            adagrad_decay=self._decay(training_characters) if parent else None,
            order="interleaved" if order == "interleaved" else None,
            patience=patience,
            evaluate_every=self.evaluation.evaluate_every if patience else None,
            rounds=self.training.rounds,
        )

    def epochs(self, run: Run) -> int:
        """Passes through the training text that are asked for."""
        return self.training.epochs_warm if run.parent else self.training.epochs

    def _decay(self, training_characters: int) -> float:
        if self.training.adagrad_decay is not None:
            return self.training.adagrad_decay
        return 1.0 if training_characters < short_text else usual_decay
