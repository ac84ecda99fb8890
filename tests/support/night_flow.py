"""The flow `retrain` under Prefect, and the same without Prefect's engine: five times as fast.

Both run the body of the flow and of its tasks, so that they cannot drift apart. Without the engine
there are no artifacts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import pytest
from prefect import Task
from prefect.client.schemas import State
from prefect.logging import disable_run_logger

from flows import chain
from flows import retrain as door
from flows.exceptions import expected_errors
from flows.retrain import retrain
from flows.tasks import profile_dataset, publish_samples
from flows.tasks.train_chunk import train_chunk

drawing = ("publish_page", "publish_model_page")  # tasks that only publish artifacts


class Ended(NamedTuple):
    """How a run of the flow ended."""

    name: str  # of its state
    message: str
    error: BaseException | None = None


def under_prefect(parameters: Mapping[str, Any]) -> Ended:
    """A run of the flow."""
    state = cast("State[Any]", retrain(**parameters, return_state=True))
    error = state.result(raise_on_failure=False) if state.is_failed() else None
    return Ended(str(state.name), str(state.message), error)


def without_engine(parameters: Mapping[str, Any]) -> Ended:
    """The body of the flow, with the bodies of its tasks."""
    with _bodies(), disable_run_logger():
        try:
            state = cast("State[Any]", retrain.fn(**parameters))
        except expected_errors as error:
            return Ended("Failed", str(error), error)
    return Ended(str(state.name), str(state.message))


@contextmanager
def _bodies() -> Iterator[None]:
    """Tasks are the functions that they wrap; nothing is sent to a server."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (door, chain):
            for name, found in vars(module).copy().items():
                if isinstance(found, Task):
                    patch.setattr(module, name, _nothing if name in drawing else found.fn)
        patch.setattr(chain, "train_chunk", _Chunk())
        patch.setattr(chain, "Progress", _Silent)
        patch.setattr(publish_samples, "show_samples", _nothing)
        patch.setattr(profile_dataset, "show_dataset_page", _nothing)
        yield


class _Chunk:
    """The task of a chunk, as far as the chain of chunks knows it."""

    body: Callable[..., Any] = train_chunk.fn

    def with_options(self, **_: str) -> Callable[..., Any]:
        return type(self).body


class _Silent:
    """Progress that nobody sees."""

    def __init__(self, *_: object) -> None:
        pass

    def update(self, _: int) -> None:
        pass


def _nothing(*_: object, **__: object) -> None:
    pass
