"""A look at a model says that it is unchanged where a retraining would find the same, and only there."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.corpus.fingerprint import fresh_seconds
from flows.lifecycle.fleet.look import look
from flows.lifecycle.limits import limits_of
from flows.references import ModelRow, OutcomeRef
from flows.registry import registry
from flows.storage import open_store
from flows.storage.stores import cache_of
from tests.support.flows import files_below, retrained

Options = Callable[..., dict[str, Any]]


@pytest.fixture
def parameters(options: Options) -> dict[str, Any]:
    """Of a retraining that is done."""
    found = options(model="m")
    retrained(found)
    return found


def seen(parameters: dict[str, Any]) -> OutcomeRef | None:
    """What a look finds, by a process that has read nothing yet."""
    cache_of.cache_clear()
    store = open_store(parameters["store"])
    own = {name: value for name, value in parameters.items() if name != "store"}
    as_json = {
        name: value.model_dump(mode="json", exclude_unset=True)
        if hasattr(value, "model_dump")
        else value
        for name, value in own.items()
    }
    row = ModelRow(place="row 1", options=as_json)
    return look(store, row, limits_of(store), lambda _: None)


def files_of(store: Path) -> list[Path]:
    """All but what corpora looked like: a text that was written just now is not known by its time."""
    return [path for path in files_below(store) if "sources" not in path.parts]


def test_a_model_that_is_done_is_unchanged(parameters: dict[str, Any], store: Path) -> None:
    """Version, checkpoint and bits are those of a retraining, and nothing is written."""
    before = files_of(store)
    found = seen(parameters)
    assert before == files_of(store)
    again = retrained(parameters)

    assert found
    assert "unchanged" == found.outcome == again.outcome
    assert (found.version, found.run_id, found.checkpoint_digest) == (
        again.version,
        again.run_id,
        again.checkpoint_digest,
    )
    assert (found.held_out_bits_after, found.characters, found.reason) == (
        again.held_out_bits_per_character,
        again.characters,
        again.reason,
    )
    kept = (store / "models/m/runs" / again.run_id / "data").glob("*.safetensors")
    assert found.bytes == sum(path.stat().st_size for path in kept)


def test_a_model_of_which_nothing_is_known_is_not_read(options: Options, corpus: Path) -> None:
    """Its corpus may be gigabytes, which the retraining reads anyway."""
    corpus.unlink()

    assert seen(options(model="m")) is None


def grown(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    with Path(parameters["corpus"]).open("a") as file:
        file.write("and another line of the keeper.\n" * 40)


def removed(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    Path(parameters["corpus"]).unlink()


def without_page(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    shutil.rmtree(store / "reports/pages")


def without_report(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    shutil.rmtree(store / "reports/summaries")


def longer(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    training = parameters["training"]
    parameters["training"] = training.model_copy(update={"epochs": training.epochs + 1})


def from_elsewhere(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    parameters["seed"] = 5


def damaged(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    for payload in (store / "models/m").rglob("*.safetensors"):
        payload.write_bytes(payload.read_bytes()[:-1] + b"\0")


def damaged_at_the_end(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    logs = [*(store / "models/m").rglob("log/*.json")]
    ends = [json.loads(log.read_text())["content"] for log in logs]
    digest = max((end for end in ends if "size" in end), key=lambda end: end["iteration"])["digest"]
    (payload,) = (store / "models/m").rglob(f"{digest}.safetensors")
    payload.write_bytes(payload.read_bytes()[:-1] + b"\0")


def other_samples(parameters: dict[str, Any], store: Path) -> None:  # noqa: ARG001
    parameters["sampling"] = parameters["sampling"].model_copy(update={"samples_each": 2})


@pytest.mark.parametrize(
    "change",
    [
        grown,
        removed,
        without_page,
        without_report,
        longer,
        from_elsewhere,
        damaged,
        damaged_at_the_end,
        other_samples,
    ],
    ids=lambda change: change.__name__,
)
def test_a_model_with_work_left_is_not_unchanged(
    parameters: dict[str, Any], store: Path, change: Callable[[dict[str, Any], Path], None]
) -> None:
    """Nor is one that a retraining would refuse."""
    change(parameters, store)

    assert seen(parameters) is None


def test_a_text_that_was_written_again_is_read_once(
    parameters: dict[str, Any], corpus: Path, store: Path
) -> None:
    """The look remembers what its files looked like, so the next one need not read it."""
    long_ago = 1_000_000_000
    os.utime(corpus, (long_ago, long_ago))
    time.sleep(fresh_seconds)  # else nothing tells that it was not written once more
    found = seen(parameters)
    records = files_below(store / "sources")
    again = seen(parameters)

    assert found
    assert again
    assert found.version == again.version
    assert records == files_below(store / "sources")


def test_a_model_whose_run_was_removed_is_unchanged(
    parameters: dict[str, Any], store: Path
) -> None:
    """The decision answers."""
    shutil.rmtree(store / "models/m/runs")

    found, again = seen(parameters), retrained(parameters)

    assert found
    assert ("unchanged", 0) == (found.outcome, found.bytes)
    assert (found.version, "unchanged") == (again.version, again.outcome)


def test_a_model_that_was_rolled_back_is_unchanged(
    parameters: dict[str, Any], store: Path, corpus: Path
) -> None:
    """What a person decided is not decided again."""
    with corpus.open("a") as file:
        file.write("the harbour bell rang twice in the fog that night.\n" * 80)
    second = retrained(parameters | {"promotion": {"minimum_gain": 0, "maximum_loss": 100}})
    if second.champion == second.version:
        registry(action="rollback", model="m", store=str(store))

    found, again = seen(parameters), retrained(parameters)

    assert (found and found.outcome) == again.outcome == "unchanged"
