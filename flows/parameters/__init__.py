"""The parameters of flows: one definition for the UI's form, the REST check and `--help`."""

from flows.parameters.flow_parameters import (
    Corpus,
    Encoding,
    Evaluation,
    Gates,
    ModelName,
    RunId,
    Sampling,
    Seed,
    SingleWriter,
    StoreUrl,
    Training,
    WhenBusy,
    default,
)
from flows.parameters.sections import (
    EvaluationOptions,
    GateAction,
    GateOptions,
    SamplingOptions,
    Section,
    TrainingOptions,
)

__all__ = [
    "Corpus",
    "Encoding",
    "Evaluation",
    "EvaluationOptions",
    "GateAction",
    "GateOptions",
    "Gates",
    "ModelName",
    "RunId",
    "Sampling",
    "SamplingOptions",
    "Section",
    "Seed",
    "SingleWriter",
    "StoreUrl",
    "Training",
    "TrainingOptions",
    "WhenBusy",
    "default",
]
