"""Names that say what a run does, for the lists of Prefect's UI."""

from __future__ import annotations

from collections.abc import Callable

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

from flows.storage.urls import public_url, urls_of
from flows.visible import visible


def of_corpus(verb: str) -> Callable[[], str]:
    """Names the runs of a flow for Prefect: `verb` and the corpus, without its secrets."""

    def name() -> str:
        corpus = runtime.flow_run.parameters["corpus"]
        first, *more = urls_of(corpus)
        others = f" and {len(more)} more" if more else ""
        return f"{verb} {visible(public_url(first))}{others}"

    return name


def numbered(verb: str) -> Callable[[], str]:
    """Names the runs of a flow for Prefect: `verb model #number`, counted by model."""

    def name() -> str:
        prefix = f"{verb} {runtime.flow_run.parameters['model']} #"
        if runtime.flow_run.name.startswith(prefix):
            return str(runtime.flow_run.name)  # started again
        named = FlowRunFilter(name=FlowRunFilterName(like_=prefix))
        with get_client(sync_client=True) as client:
            return f"{prefix}{client.count_flow_runs(flow_run_filter=named) + 1}"

    return name
