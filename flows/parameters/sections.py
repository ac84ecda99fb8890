"""The groups of options that flows take: each field with bounds, title, description and default."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from flows.parameters.section import Section, whole_number
from flows.text import SplitMethod
from rnncore import Hyperparameters, OuterStep, RoundOptions

usual_round = 100  # iterations


class TrainingOptions(Section):
    """The network, and how long and in what steps it is trained. Defaults are the notebook's."""

    hidden_size: int = whole_number(100, (1, 8192), "Hidden size", "Hidden units of the network")
    seq_length: int = whole_number(
        10, (1, 10_000), "Sequence length", "Characters that one iteration reads and learns from"
    )
    batch_size: int = whole_number(
        1, (1, 8192), "Batch size", "Streams of text trained side by side"
    )
    learning_rate: float = Field(
        0.01,
        gt=0,
        le=1e38,
        title="Learning rate",
        description="Adagrad's step size (no unit); above 0, usually 0.001 to 0.1",
    )
    gradient_clip: float = Field(
        5.0,
        gt=0,
        le=1e38,
        title="Gradient clip",
        description="Bound on each element of the gradient (nats per unit of weight); above 0",
    )
    epochs: int = whole_number(
        300,
        (1, 1_000_000),
        "Epochs",
        "Passes through the training text of a run from scratch; more of them continue it",
    )
    epochs_warm: int = whole_number(
        1,
        (1, 1_000_000),
        "Epochs after a warm start",
        "Passes through the training text, old and new, of a run that starts from a checkpoint",
    )
    checkpoint_every: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        None,
        title="Checkpoint every",
        description="Iterations between checkpoints, each chunk a task, 1 to 1,000,000,000,000; if"
        " not given about ten checkpoints a run, none within two seconds' work of the last",
    )
    start_from: Literal["auto", "champion", "scratch"] | Annotated[int, Field(ge=0)] = Field(
        "auto",
        title="Start from",
        description="auto (the champion, or from scratch where there is none or where the network"
        " has another shape or number type), champion, scratch, or the number of a version",
    )
    adagrad_decay: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        title="Decay of Adagrad's sums",
        description="Factor of the sums of the checkpoint to start from: 0 forgets them, 1 keeps"
        " them; if not given 0.1, or 1 where the training text has under 100,000 characters",
    )
    order: Literal["as_given", "interleaved"] | None = Field(
        None,
        title="Order of the text",
        description="as_given, or interleaved (blocks of all files in an order by their digests);"
        " if not given as_given from scratch and interleaved after a warm start",
    )
    dtype: Literal["float32", "float64"] = Field(
        "float32", title="Number type", description="Type of all weights: speed or precision"
    )
    shards: int = whole_number(
        1,
        (1, 10_000),
        "Shards",
        "Parts of the training text that train side by side, on the engine's workers, and are"
        " averaged after each round; 1 for no rounds",
    )
    round_iterations: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        None,
        title="Iterations of a round",
        description="Iterations of each shard between two averagings, 1 to 1,000,000,000; if not"
        f" given {usual_round}; only with more than one shard",
    )
    outer_momentum: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None,
        title="Outer momentum",
        description="Nesterov's momentum of the step after a round, 0 to under 1; if not given 0.9,"
        " or 0.5 for rounds of over 500 iterations",
    )
    outer_learning_rate: Annotated[float, Field(gt=0, le=10)] | None = Field(
        None,
        title="Outer learning rate",
        description="Step size after a round, above 0, up to 10; with a momentum of 0, 1 takes the"
        " mean of the shards; if not given 0.3, or 0.7 for rounds of over 500 iterations",
    )

    @field_validator("round_iterations", "outer_momentum", "outer_learning_rate")
    @classmethod
    def _needs_shards(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("shards") == 1:
            raise ValueError(
                "there are no rounds with training.shards 1: set training.shards to 2 or more, or"
                " leave this out"
            )
        return value

    @property
    def rounds(self) -> RoundOptions | None:
        """How the training is cut into shards and rounds; None where it is not."""
        if self.shards == 1:
            return None
        iterations = self.round_iterations or usual_round
        momentum, learning_rate = OuterStep.usual(iterations)
        if self.outer_momentum is not None:
            momentum = self.outer_momentum
        return RoundOptions(
            self.shards, iterations, OuterStep(momentum, self.outer_learning_rate or learning_rate)
        )

    def network(self) -> Hyperparameters:
        """The part that `rnncore` takes."""
        names = {field.name for field in dataclasses.fields(Hyperparameters)}
        return Hyperparameters(**self.model_dump(include=names))


class EvaluationOptions(Section):
    """Text that is kept from training, to measure how well the network predicts unseen text."""

    held_out: float = Field(
        0.1,
        ge=0,
        lt=1,
        title="Held-out share",
        description="Share of the text to hold out, from 0 (no evaluation) to under 1",
    )
    split: SplitMethod = Field(
        "content",
        title="Split",
        description="How it is chosen: content (by each block's digest, so it stays held out in"
        " later corpora), chunks (the same, of blocks whose borders an edit moves less) or tail (the"
        " end of the text)",
    )
    maximum_characters: int = whole_number(
        1_000_000,
        (1, 10**9),
        "Maximum characters",
        "Characters of held-out text that are read, in blocks chosen by digest",
    )
    patience: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        title="Patience",
        description="Stop after so many evaluations without improvement, 1 to 1,000,000; if not"
        " given all epochs are trained, and the best checkpoint is judged",
    )
    evaluate_every: int = whole_number(
        1, (1, 1_000_000), "Evaluate every", "Epochs between evaluations, where there is patience"
    )


class PromotionOptions(Section):
    """When a checkpoint becomes champion."""

    minimum_gain: float = Field(
        0.005,
        ge=0,
        le=10,
        title="Minimum gain",
        description="Bits per character that it must be better by on the new held-out text, if two"
        " standard errors are less; 0 to 10",
    )
    maximum_loss: float = Field(
        0.2,
        ge=0,
        le=100,
        title="Maximum loss",
        description="Bits per character that it may be worse by on the held-out text of the champion,"
        " and of the oldest version kept; 0 to 100",
    )
    judge_on: Literal["both", "new"] = Field(
        "both",
        title="Judge on",
        description="both texts, or new: for a text that was changed on purpose",
    )


class RetentionOptions(Section):
    """Which checkpoints are kept; the others are removed at the end of each retrain."""

    latest: int = whole_number(2, (1, 1_000_000), "Latest", "Newest checkpoints of a run")
    best: int = whole_number(
        1, (0, 1_000_000), "Best", "Checkpoints of a run that predict held-out text best"
    )
    every_n: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        None,
        title="Every n",
        description="Keep also checkpoints at multiples of so many iterations, 1 to"
        " 1,000,000,000,000; if not given none",
    )
    versions: int = whole_number(
        10, (1, 1_000_000), "Versions", "Last distinct checkpoints that were champion"
    )


GateAction = Literal["warn", "fail", "off"]


def gate(default: GateAction, title: str, meaning: str) -> Any:
    """A field for what to do where a gate finds something."""
    description = f"{meaning}: warn, fail (nothing is trained) or off"
    return Field(default, title=title, description=description)


class GateOptions(Section):
    """Checks of a text against the champion's, before any training; docs/gates.md has the bounds."""

    size: GateAction = gate(
        "fail",
        "Size",
        "Text with under 0.7 of the characters of the champion's (over 10 times as many: only warns)",
    )
    replacement_characters: GateAction = gate(
        "fail",
        "Replacement characters",
        "Text with more characters U+FFFD, which stand for damaged bytes, than the champion's",
    )
    pairs: GateAction = gate(
        "warn",
        "Pairs of characters",
        "Pairs of adjacent characters have other shares than in the champion's text"
        " (stability index over 0.03)",
    )
    surprise: GateAction = gate(
        "warn",
        "Surprise",
        "The champion reads the new blocks at over 0.7 bits per character more than its own text"
        " when it was promoted",
    )
    repeated_lines: GateAction = gate(
        "warn",
        "Repeated lines",
        "The share of lines that occurred before is over 0.2 above that of the champion's text",
    )
