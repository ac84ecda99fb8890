"""Everything that a retraining is asked for, as one model: the parameters of the flow `retrain`."""

from __future__ import annotations

from flows.parameters.flow_parameters import (
    Corpus,
    Encoding,
    Evaluation,
    Force,
    Gates,
    ModelName,
    Promotion,
    Reading,
    Retention,
    Sampling,
    Seed,
    Training,
    WhenBusy,
    default,
)
from flows.parameters.section import Section


class RetrainOptions(Section):
    """The parameters of `retrain` that are one model's own: not those of the store or the engine."""

    model: ModelName
    corpus: Corpus
    encoding: Encoding = default(Encoding)
    reading: Reading = default(Reading)
    seed: Seed = default(Seed)
    when_busy: WhenBusy = default(WhenBusy)
    training: Training = default(Training)
    evaluation: Evaluation = default(Evaluation)
    gates: Gates = default(Gates)
    promotion: Promotion = default(Promotion)
    sampling: Sampling = default(Sampling)
    retention: Retention = default(Retention)
    force: Force = default(Force)
