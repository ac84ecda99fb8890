"""Prefect's server as training asks it: briefly, since training does not wait for it."""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient, get_client

answer_seconds = 5


def brief_client() -> SyncPrefectClient:
    """A client of its own: a flow run's would try for a minute where there is no server."""
    return get_client(httpx_settings={"timeout": answer_seconds}, sync_client=True)
