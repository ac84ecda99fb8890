"""The `watch` flow: check a corpus for changes, and emit an event if there are any."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("watch")

from flows import dry_run
from flows.parameters import (
    Corpus,
    Encoding,
    Engine,
    Evaluation,
    Gates,
    ModelName,
    Promotion,
    Reading,
    Retention,
    Sampling,
    Seed,
    StoreUrl,
    Training,
    default,
)
from flows.results import WatchResult
from flows.runtime.decorators import flow
from flows.runtime.run_names import of_corpus
from flows.tasks.check_corpus import check_corpus


@flow(run_name=of_corpus("watch"), dry_run=(dry_run.changes,))
def watch(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    reading: Reading = default(Reading),
    model: ModelName = default(ModelName),
    seed: Seed = default(Seed),
    training: Training = default(Training),
    evaluation: Evaluation = default(Evaluation),
    gates: Gates = default(Gates),
    promotion: Promotion = default(Promotion),
    sampling: Sampling = default(Sampling),
    retention: Retention = default(Retention),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
) -> WatchResult:
    """Check whether a corpus has changed since the last check; emit `corpus.updated` if so.

    The first check records the state of the corpus and emits nothing. The other parameters are those
    of the retraining that the event starts.
    """
    request = {
        "encoding": encoding,
        "reading": reading.model_dump(mode="json"),
        "model": model,
        "seed": seed,
        "training": training.model_dump(mode="json"),
        "evaluation": evaluation.model_dump(mode="json"),
        "gates": gates.model_dump(mode="json"),
        "promotion": promotion.model_dump(mode="json"),
        "sampling": sampling.model_dump(mode="json"),
        "retention": retention.model_dump(mode="json"),
        "engine": engine,
        "store": store,
    }
    return check_corpus(corpus, request)
