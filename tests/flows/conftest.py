"""One Prefect server for all tests of flows in a process, and small texts to train on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from flows.parameters import (
    EvaluationOptions,
    GateOptions,
    PromotionOptions,
    RetentionOptions,
    SamplingOptions,
    TrainingOptions,
)

sentences = (
    "the keeper lit the lamp and the tide came in.\n",
    "the baker rang the bell when the boat came home.\n",
    "no boat came home, said the keeper, and the lamp went out.\n",
)


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    """One embedded server for all of a process; without heartbeats a flow ends a second sooner.

    It stores no events: those of hundreds of short runs are so many that the server's threads
    sometimes wait a minute for each other.
    """
    settings = {
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED: False,
        PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,
    }
    with (
        temporary_settings(settings),
        prefect_test_harness(server_startup_timeout=300),
    ):
        yield


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
