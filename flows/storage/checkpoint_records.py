"""What a run's log says of a checkpoint, and of its evaluations."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from flows.storage.order import Order
from flows.storage.payload import largest_loss
from rnncore import Arithmetic

Number = Annotated[float, Field(ge=-largest_loss, le=largest_loss)]


class Snapshot(BaseModel):
    """A short text sampled from the training's own hidden state, as the notebook prints it."""

    model_config = ConfigDict(frozen=True)

    seed: int  # the generator is numpy's default_rng([seed, iteration])
    priming: str  # the training's next input character
    text: str
    nats_per_character: Number


class CheckpointRecord(BaseModel):
    """A checkpoint in the log. Losses are in nats per character: the records are the loss curve."""

    model_config = ConfigDict(frozen=True)

    iteration: int = Field(ge=0)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # SHA-256 of the payload
    size: int = Field(ge=0)  # bytes
    loss: Number | None  # mean over the iterations since the checkpoint before
    smooth_loss: Number
    characters_per_second: Number | None
    held_out_bits_per_character: Number | None
    rule: str | None = None  # by which those were measured; a run keeps it for all of its curve
    snapshot: Snapshot | None
    corpus: tuple[str, ...]  # URLs, without secrets
    cpu: str
    shard_cpus: tuple[str, ...] | None = None  # of each shard, where one is another than `cpu`
    versions: dict[str, str]
    commit: str | None = None  # of the program's code, where that is in git
    arithmetic: Arithmetic | None = None  # the order of its additions; None: of version 0.1.0
    order: Order | None = None  # of the run among the model's; in its first record

    @model_serializer(mode="wrap")
    def _without_neutral(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialise(self)
        if self.shard_cpus is None:
            del content["shard_cpus"]
        return content


class EvaluationRecord(BaseModel):
    """How well a checkpoint predicts text, in the log, by one rule of reading it.

    The rule "blocks" reads each block from a hidden state of zeros, "blocks-even" and "blocks-odd"
    only those of even or odd digest; None, as in records of before, reads the whole text as one.
    """

    model_config = ConfigDict(frozen=True)

    iteration: int
    digest: str
    train_bits_per_character: Number
    held_out_bits_per_character: Number | None
    rule: str | None = None
    characters: int | None = None  # of the held-out text that were read; None: all of it
