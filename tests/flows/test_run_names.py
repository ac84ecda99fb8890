"""Names of runs: what a person gave stays, and a generated one says what runs, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import FlowRunSort
from prefect.utilities.names import generate_slug

from flows.report import report
from flows.retrain import retrain
from flows.runtime.run_names import is_generated
from flows.storage.stores import open_store
from flows.watch import watch
from tests.support.decisions import decided


def name_of_newest() -> str:
    """The name of the flow run that was started last."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0].name


def run_again(flow: Flow[..., Any], **parameters: Any) -> str:
    """The name of a run that has a name before it starts."""
    from prefect.flow_engine import run_flow  # the engine of a worker's process

    with get_client(sync_client=True) as client:
        named = client.create_flow_run(flow, parameters=parameters, name="before the release")
    run_flow(flow, flow_run=named, parameters=parameters)
    with get_client(sync_client=True) as client:
        return client.read_flow_run(named.id).name


def test_names_that_prefect_makes_are_recognised() -> None:
    """All of them; a person's name may have a hyphen, too."""
    made = [generate_slug(2) for _ in range(200)]

    assert [] == [name for name in made if not is_generated(name)]
    for name in ("before-release", "kjv-2", "owl", "retrain kjv 2026-11-26 03:00", ""):
        assert not is_generated(name)


def test_a_generated_name_is_flow_model_and_time(
    options: Callable[..., dict[str, Any]],
) -> None:
    """In UTC and without a counter, so that it needs no query."""
    result = retrain(**options(model="named"), return_state=True)
    assert result.is_completed()

    with get_client(sync_client=True) as client:
        run = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]
    assert run.expected_start_time
    assert f"retrain named {run.expected_start_time:%Y-%m-%d %H:%M}" == run.name


def test_a_watch_names_its_corpus(corpus: Path, store: Path) -> None:
    watch(corpus=str(corpus), store=str(store))

    assert f"watch {corpus}" == name_of_newest()


@pytest.mark.parametrize("flow", [report, watch], ids=lambda flow: flow.name)
def test_the_name_that_a_person_gave_stays(flow: Flow[..., Any], corpus: Path, store: Path) -> None:
    decided(open_store(str(store)), "p")
    parameters: dict[str, Any] = {"store": str(store)}
    parameters |= {"model": "m"} if flow is report else {"corpus": str(corpus)}

    assert "before the release" == run_again(flow, **parameters)
