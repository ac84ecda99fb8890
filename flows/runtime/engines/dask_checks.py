"""Checks of a Dask cluster before it works, so that what would be lost silently is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect.settings import get_current_settings

from flows.exceptions import EngineUnavailable
from flows.runtime.engines.dask_piece import is_there, look_around
from flows.runtime.engines.places import place_of
from flows.storage.urls import public_url

if TYPE_CHECKING:  # it belongs to an extra
    from distributed import Client

wait_seconds = 10  # for the first worker
packages = ("distributed", "dask", "cloudpickle", "numpy")  # of those that Dask compares
more_packages = ("prefect", "numba", "llvmlite", "pyarrow")  # results depend on them


def check_cluster(
    client: Client, address: str, stores: Sequence[str], checked: set[str]
) -> set[str]:
    """Check the workers that are not `checked` yet; the addresses of these.

    `EngineUnavailable` where there is none, or one that has other versions, reports to another
    Prefect server, or does not see the stores.
    """
    if not checked:
        _check_scheduler(client, address)
        _wait_for_worker(client, address)
    new = sorted(set(client.nthreads()) - checked)
    if not new:
        return set()
    _check_versions(client.get_versions(packages=[*more_packages]), address)
    server = get_current_settings().api.url or ""
    for worker, found in _asked(client, new, server, tuple(stores)).items():
        _check_server(worker, found, server)
        _check_stores(worker, found, stores)
    return set(new)


def _check_scheduler(client: Client, address: str) -> None:
    """Refuse a scheduler that could not read the pieces that it passes on."""
    try:
        client.run_on_scheduler(is_there)
    except Exception as error:
        raise EngineUnavailable(
            f"the scheduler {address} cannot run this project's code ({error}): install the same"
            " version there, and restart the scheduler"
        ) from error


def _wait_for_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=wait_seconds)
    except TimeoutError as error:
        raise EngineUnavailable(
            f"the Dask scheduler at {address} has no worker: start one with `dask worker {address}`"
        ) from error


def _check_versions(found: Mapping[str, Any], address: str) -> None:
    """Refuse processes whose packages are not those of this one."""
    ours = _versions(found["client"])
    others = {f"the scheduler {address}": found["scheduler"]}
    others |= {f"the worker {name}": each for name, each in found["workers"].items()}
    for name, other in others.items():
        theirs = _versions(other)
        names = packages if other is found["scheduler"] else ours
        for package in names:
            if ours[package] != theirs.get(package):
                raise EngineUnavailable(
                    f"{name} has {package} {theirs.get(package)}, and this process"
                    f" {ours[package]}: install the same versions everywhere"
                )


def _versions(found: Mapping[str, Any]) -> dict[str, str]:
    """Versions by package, and that of Python without its last number."""
    known = {name: str(version) for name, version in found["packages"].items()}
    chosen = {name: known.get(name, "none") for name in (*packages, *more_packages)}
    return {"python": ".".join(known["python"].split(".")[:2]), **chosen}


def _asked(
    client: Client, workers: Iterable[str], server: str, stores: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """What each of `workers` sees."""
    seen: dict[str, dict[str, Any]] = client.run(
        look_around, server, stores, workers=list(workers), on_error="return"
    )
    for worker, found in seen.items():
        if isinstance(found, BaseException):
            raise EngineUnavailable(
                f"the worker {worker} cannot run this project's code ({found}): install the same"
                " version there, and restart the worker"
            ) from found
    return seen


def _check_server(worker: str, found: Mapping[str, Any], ours: str) -> None:
    if ours and found["own_server"] not in {None, ours}:
        raise EngineUnavailable(
            f"the worker {worker} reports to the Prefect server {public_url(found['own_server'])},"
            f" and this run to {public_url(ours)}: start the worker without PREFECT_API_URL, or"
            " with this one"
        )
    if ours and found["server"]:
        raise EngineUnavailable(
            f"the worker {worker} cannot reach the Prefect server {public_url(ours)}"
            f" ({found['server']}): set PREFECT_API_URL to an address that reaches it from there too"
        )


def _check_stores(worker: str, found: Mapping[str, Any], stores: Sequence[str]) -> None:
    for store in stores:
        ours, theirs = place_of(store), found["stores"][store]
        if isinstance(theirs, str):
            raise EngineUnavailable(f"the worker {worker} cannot use the store: {theirs}")
        if ours != theirs:
            raise EngineUnavailable(
                f"the store {public_url(store)} is another folder for the worker {worker}, which"
                f" runs in {found['folder']}: start the worker in the same folder, or give the path"
                " of the store from /"
            )
