"""A client of Prefect's server, beside the one that the flow run has."""

from __future__ import annotations

import ssl
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import get_current_settings


def own_client(**settings: Any) -> SyncPrefectClient:
    """A client of its own, with these settings of httpx.

    Prefect loads all certificates of authorities for each client, which takes 30 ms; a server
    without TLS needs none of them.
    """
    if (get_current_settings().api.url or "").startswith("http:"):
        settings["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return get_client(httpx_settings=settings, sync_client=True)
