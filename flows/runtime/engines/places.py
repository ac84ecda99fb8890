"""Where workers are, and whether a folder there is the one that is meant here."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence

from flows.exceptions import EngineUnavailable, OptionConflict
from flows.runtime.server import server_url
from flows.storage import boundary
from flows.storage.stores import open_store
from flows.storage.urls import local_protocols, protocol_of

allow_variable = "RNN_ENGINE_ALLOW"
shared_variable = "RNN_SHARED_FOLDERS"

Place = tuple[int, str]


def place_of(store: str) -> Place | None:
    """What the folder of a local store is: the number of the nearest that exists, and the rest.

    Two processes that find the same see the same folder, also over a network: only the device has
    another number on each machine. Another store is asked for, and is None.
    """
    opened = open_store(store)
    folder = opened.local_file("")
    if folder is None:
        opened.is_new()
        return None
    path = folder.absolute()
    existing = next(each for each in (path, *path.parents) if each.exists())
    return existing.stat().st_ino, str(path.relative_to(existing))


def host_of(address: str) -> str:
    """The host of a scheduler's address.

    >>> host_of("tcp://[::1]:8786"), host_of("tls://scheduler:8786")
    ('::1', 'scheduler')
    """
    return address.partition("://")[2].rpartition(":")[0].strip("[]")


def is_loopback(address: str) -> bool:
    """Whether a scheduler is on this machine.

    >>> is_loopback("tcp://127.0.0.1:8786"), is_loopback("tcp://192.0.2.1:8786")
    (True, False)
    """
    host = host_of(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_engine_allowed(address: str) -> None:
    """Refuse a scheduler to the run of a deployment that the operator of its worker has not listed."""
    if boundary.is_of_deployment() and address not in os.environ.get(allow_variable, "").split():
        raise OptionConflict(
            f"the engine {address} is not in {allow_variable}: use threads, or ask the operator of"
            " the worker to list it there, since Dask's scheduler can run code on the worker"
        )


def check_reach(address: str, stores: Sequence[str]) -> None:
    """Refuse what workers on other machines cannot reach: a local store, and a local server."""
    if is_loopback(address):
        return
    shared = os.environ.get(shared_variable, "").split()
    for store in stores:
        is_local = protocol_of(store) in local_protocols
        if is_local and not any(boundary.is_below(store, folder) for folder in shared):
            raise OptionConflict(
                f"the store {store} is a folder of this machine, which the workers of {address}"
                f" cannot reach: use a store such as s3://…, or name in {shared_variable} a folder"
                " that all machines share, with the store below it"
            )
    if server_url() is None:
        raise EngineUnavailable(
            f"the workers of {address} cannot reach this run's embedded Prefect server: set"
            " PREFECT_API_URL to a server that all machines reach"
        )
