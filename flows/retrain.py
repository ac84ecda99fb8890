"""The main job: ingest, train, evaluate, promote, report."""

from __future__ import annotations

import time

from prefect import State, flow
from prefect.states import Cancelled

from flows import artifacts
from flows.evaluate import evaluate_checkpoint
from flows.exceptions import RunCancelled
from flows.ingest import ingest_corpus
from flows.interruption import unless_cancelled
from flows.outcome import RetrainOutcome, retrain_outcome, train_outcome
from flows.parameters import (
    Corpus,
    Encoding,
    Evaluation,
    EvaluationOptions,
    ModelName,
    Sampling,
    SamplingOptions,
    Seed,
    SingleWriter,
    StoreUrl,
    Training,
    TrainingOptions,
    WhenBusy,
    bundled_corpus,
    default_store,
)
from flows.promote import promote_checkpoint
from flows.purpose import Purpose
from flows.report import write_report
from flows.run_names import numbered
from flows.train import train_run


@flow(flow_run_name=numbered("retrain"), persist_result=False)
def retrain(
    corpus: Corpus = bundled_corpus,
    encoding: Encoding = "utf-8",
    model: ModelName = "default",
    seed: Seed = 0,
    when_busy: WhenBusy = "wait",
    training: Training = TrainingOptions(),
    evaluation: Evaluation = EvaluationOptions(),
    sampling: Sampling = SamplingOptions(),
    store: StoreUrl = default_store,
    single_writer: SingleWriter = False,
) -> RetrainOutcome | State[RetrainOutcome]:
    """Retrain a character RNN on a corpus, promote it if it is better, and report its samples.

    Work that the store holds already is not done again; more epochs continue a finished run.

    Args:
        corpus: Path, pattern or fsspec URL of the text to train on, or a list of them
        encoding: Encoding of the text's bytes, such as utf-8 or latin-1
        model: Name of the model: 1 to 64 of a-z, 0-9 and -, starting with a letter or digit
        seed: Seed of the first weights and of the snapshots drawn while training; 0 or more
        when_busy: What to do while another run trains the same model: wait, or stop
        training: The network, and how long and in what steps it is trained
        evaluation: Text that is kept from training, to measure on
        sampling: The samples of the report
        store: Folder or fsspec URL where datasets, checkpoints and reports are kept
        single_writer: Allow a store that cannot keep two runs apart, since only one ever writes
    """
    started = time.monotonic()
    purpose = Purpose(training=training, evaluation=evaluation, priming=sampling.priming)
    dataset = ingest_corpus(corpus, encoding, store, single_writer, purpose)
    try:
        start, end = train_run(dataset, model, seed, purpose, when_busy)
    except RunCancelled as stopped:
        return Cancelled(message=str(stopped))
    measured = evaluate_checkpoint(end)
    decided = promote_checkpoint(end, measured)
    written = write_report(end, sampling)
    trained = train_outcome(dataset, start, end, time.monotonic() - started)
    outcome = retrain_outcome(trained, measured, decided, written)
    artifacts.show_outcome(outcome, store)
    return unless_cancelled(outcome)


if __name__ == "__main__":
    from flows.command_line import main

    main(retrain)
