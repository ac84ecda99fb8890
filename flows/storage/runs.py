"""A training run: all that decides its bytes, and so its name."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.storage.canonical import canonical_json, identity, strict_json
from flows.storage.exceptions import (
    DamagedObject,
    NewerFormat,
    ObjectMissing,
    StoreError,
    UnknownObject,
)
from flows.storage.files import Store, read_again_if_damaged, removable
from flows.storage.splits import SplitMethod
from rnncore import Hyperparameters

run_format = 1


class Run(BaseModel):
    """What a run trains on and how. Epochs and checkpoint spacing are not in it: more epochs
    continue the run, and a checkpoint's bytes do not depend on how many there were before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = run_format
    dataset_id: str
    held_out: float
    split: SplitMethod
    seed: int
    hyperparameters: dict[str, int | float | str]
    parent: str | None = None  # digest of the checkpoint that it started from

    @property
    def run_id(self) -> str:
        """The run's name: equal for equal work."""
        return identity(self.model_dump(mode="json"))

    def network(self) -> Hyperparameters:
        """The hyperparameters as the mathematics take them."""
        options: dict[str, Any] = self.hyperparameters
        return Hyperparameters(**options)


def make_run(
    dataset_id: str, *, held_out: float, split: SplitMethod, seed: int, network: Hyperparameters
) -> Run:
    """The run that trains `network` on a dataset."""
    return Run(
        dataset_id=dataset_id,
        held_out=held_out,
        split=split,
        seed=seed,
        hyperparameters=dataclasses.asdict(network),
    )


def is_run_id(name: str) -> bool:
    """Whether a folder of that name can be a run's."""
    return re.fullmatch("[0-9a-f]{16}", name) is not None


def run_folder(model: str, run_id: str) -> str:
    """Folder of a run in the store."""
    return f"models/{model}/runs/{run_id}"


def save_run(store: Store, model: str, run: Run) -> None:
    """Write `run.json` if it is not there yet."""
    try:
        path = f"{run_folder(model, run.run_id)}/run.json"
        store.create(path, canonical_json(run.model_dump(mode="json")))
    except StoreError as error:
        # Another writer was first, or the reply was lost: what lies there decides.
        try:
            load_run(store, model, run.run_id)
        except UnknownObject:
            raise error from None


@removable()
@read_again_if_damaged
def load_run(store: Store, model: str, run_id: str) -> Run:
    """The run of that name, checked: its content must give its name."""
    path = f"{run_folder(model, run_id)}/run.json"
    name = store.location(path)
    try:
        content = strict_json(store.read(path))
        if isinstance(content, dict) and content.get("format", 0) > run_format:
            raise NewerFormat(name, content["format"], run_format)
        run = Run.model_validate(content)
    except ObjectMissing as error:
        raise UnknownObject(f"model {model} has no run {run_id} in {store.url}") from error
    except (ValidationError, ValueError, TypeError) as error:
        raise DamagedObject(name, "not a run's description") from error
    if run.run_id != run_id:
        raise DamagedObject(name, f"describes run {run.run_id}")
    return run
