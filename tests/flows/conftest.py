"""One Prefect server for all tests of flows in a process, and small texts to train on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.parameters import (
    EvaluationOptions,
    GateOptions,
    PromotionOptions,
    RetentionOptions,
    SamplingOptions,
    TrainingOptions,
)
from tests.support.prefect_server import prefect_server  # noqa: F401 - a fixture

sentences = (
    "the keeper lit the lamp and the tide came in.\n",
    "the baker rang the bell when the boat came home.\n",
    "no boat came home, said the keeper, and the lamp went out.\n",
)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefect's folder and a cache for all runs in their own processes: created only once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def text() -> str:
    """About 7,000 characters of few words: 7 blocks."""
    return "".join(sentences[number * number % 3] + sentences[number % 3] for number in range(70))


@pytest.fixture
def corpus(tmp_path: Path, text: str) -> Path:
    """The text in a file."""
    file = tmp_path / "corpus.txt"
    file.write_text(text)
    return file


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The path of a store that does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def options(corpus: Path, store: Path) -> Callable[..., dict[str, Any]]:
    """Parameters of a small `retrain`, with sections changed by keyword."""
    sections = {"gates": GateOptions, "promotion": PromotionOptions, "retention": RetentionOptions}

    def make(**changes: Any) -> dict[str, Any]:
        training = {"hidden_size": 8, "epochs": 2, "checkpoint_every": 300}
        return {
            "corpus": str(corpus),
            "store": str(store),
            "training": TrainingOptions(**training | changes.pop("training", {})),
            "evaluation": EvaluationOptions(**changes.pop("evaluation", {})),
            "sampling": SamplingOptions(**{"length": 50} | changes.pop("sampling", {})),
            **{name: sections[name](**changes.pop(name)) for name in sections if name in changes},
            **changes,
        }

    return make
