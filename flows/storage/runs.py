"""A training run: everything that decides its bytes, and so its name."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from flows.exceptions import ObjectMissing, UnknownObject
from flows.storage import bounds
from flows.storage.canonical import identity
from flows.storage.documents import Document, create_document, load_document
from flows.storage.stores import Store
from flows.text import SplitMethod
from rnncore import Hyperparameters, OuterStep, RoundOptions, iterations_per_epoch

run_format = 1
of_rounds = ("shards", "round_iterations", "outer_momentum", "outer_learning_rate")


class Run(Document):
    """What a run trains on and how. Epochs and checkpoint spacing are not in it: more epochs
    continue the run, and a checkpoint's bytes do not depend on how many there were before it.
    """

    what: ClassVar[str] = "a run's description"
    newest_format: ClassVar[int] = run_format
    most: ClassVar[int] = bounds.run

    format: int = run_format
    dataset_id: str
    held_out: float = Field(ge=0, lt=1)
    split: SplitMethod
    seed: int = Field(ge=0)
    hyperparameters: dict[str, int | float | str]
    parent: str | None = None  # digest of the checkpoint that it started from
    # Left out where they are None, so that a run has the name that it had before there were they.
    adagrad_decay: float | None = Field(None, ge=0, le=1)  # of its sums, where there is a parent
    order: Literal["interleaved"] | None = None  # of the text's blocks; None: as given
    patience: int | None = Field(None, ge=1)  # evaluations without improvement; None: all epochs
    evaluate_every: int | None = Field(None, ge=1)  # epochs, where there is patience
    # Of rounds: all four or none of them, where the text is not cut into shards.
    shards: int | None = Field(None, ge=2)
    round_iterations: int | None = Field(None, ge=1)
    outer_momentum: float | None = Field(None, ge=0, lt=1)
    outer_learning_rate: float | None = Field(None, gt=0)

    @model_serializer(mode="wrap")
    def _without_neutral(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialise(self)
        neutral = ("adagrad_decay", "order", "patience", "evaluate_every", *of_rounds)
        return {
            key: value for key, value in content.items() if value is not None or key not in neutral
        }

    @model_validator(mode="after")
    def _check_hyperparameters(self) -> Self:
        try:
            self.network()
        except TypeError as error:  # an option that this program does not know
            raise ValueError(str(error)) from error
        if len({getattr(self, name) is None for name in of_rounds}) > 1:
            raise ValueError(f"{', '.join(of_rounds)} are all given or none of them")
        return self

    @property
    def run_id(self) -> str:
        """The run's name: equal for equal work."""
        return identity(self.model_dump(mode="json"))

    @property
    def name(self) -> str:
        """As `run_id`."""
        return self.run_id

    @property
    def interleaved(self) -> bool:
        """Whether it trains on blocks in an order by digest."""
        return self.order is not None

    @property
    def rounds(self) -> RoundOptions | None:
        """How it is cut into shards and rounds; None where it is not."""
        found = self.shards, self.round_iterations, self.outer_momentum, self.outer_learning_rate
        shards, iterations, momentum, learning_rate = found
        if shards is None or iterations is None or momentum is None or learning_rate is None:
            return None
        return RoundOptions(shards, iterations, OuterStep(momentum, learning_rate))

    def network(self) -> Hyperparameters:
        """The hyperparameters as `rnncore` takes them."""
        options: dict[str, Any] = self.hyperparameters
        return Hyperparameters(**options)

    def iterations_per_epoch(self, characters: int) -> int:
        """Iterations of one pass through a training text of so many characters."""
        return iterations_per_epoch(characters, self.network(), self.shards or 1)


def make_run(
    dataset_id: str,
    *,
    held_out: float,
    split: SplitMethod,
    seed: int,
    network: Hyperparameters,
    parent: str | None = None,
    adagrad_decay: float | None = None,
    order: Literal["interleaved"] | None = None,
    patience: int | None = None,
    evaluate_every: int | None = None,
    rounds: RoundOptions | None = None,
) -> Run:
    """The run that trains `network` on a dataset, from the start or from a `parent` checkpoint."""
    return Run(
        dataset_id=dataset_id,
        held_out=held_out,
        split=split,
        seed=seed,
        hyperparameters=dataclasses.asdict(network),
        parent=parent,
        adagrad_decay=adagrad_decay,
        order=order,
        patience=patience,
        evaluate_every=evaluate_every,
        **_fields_of(rounds),
    )


def _fields_of(rounds: RoundOptions | None) -> dict[str, Any]:
    """Rounds as the fields of a run."""
    if rounds is None:
        return {}
    return dict(zip(of_rounds, (rounds.shards, rounds.iterations, *rounds.outer), strict=True))


def is_run_id(name: str) -> bool:
    """Whether a folder of that name can be a run's."""
    return re.fullmatch("[0-9a-f]{16}", name) is not None


def models(store: Store) -> list[str]:
    """The models in a store."""
    return [name for name in store.names("models") if is_model_name(name)]


def check_model(store: Store, model: str) -> None:
    """Refuse a model of which nothing is in a store; the message names those that are."""
    if not set(store.names(f"models/{model}")) - {"lock"}:
        known = ", ".join(models(store)) or "none yet"
        raise UnknownObject(f"no model {model} in {store.url}: there are {known}")


def runs_of(store: Store, model: str) -> list[str]:
    """The runs of a model, and what an interrupted removal left of some."""
    return list(filter(is_run_id, store.names(f"models/{model}/runs")))


def is_model_name(name: str) -> bool:
    """Whether a model can have that name."""
    return re.fullmatch("[a-z0-9][a-z0-9-]{0,63}", name) is not None


def run_folder(model: str, run_id: str) -> str:
    """Folder of a run in the store."""
    return f"models/{model}/runs/{run_id}"


def is_there(store: Store, model: str, run_id: str) -> bool:
    """Whether a run of that name is in the store, intact or not."""
    return "run.json" in store.names(run_folder(model, run_id))


def save_run(store: Store, model: str, run: Run) -> None:
    """Write `run.json` if it does not exist yet."""
    create_document(store, _path(model, run.run_id), run)


def load_run(store: Store, model: str, run_id: str) -> Run:
    """The run of that name, checked: its content must give its name."""
    try:
        return load_document(store, _path(model, run_id), Run, run_id)
    except ObjectMissing as error:
        raise UnknownObject(f"model {model} has no run {run_id} in {store.url}") from error


def _path(model: str, run_id: str) -> str:
    return f"{run_folder(model, run_id)}/run.json"
