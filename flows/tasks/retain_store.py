"""Task: remove what nothing in a store uses."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle import tidying
from flows.parameters import StoreUrl
from flows.references import TidiedRef
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("remove what nothing in the store uses")
def retain_store(store: StoreUrl) -> TidiedRef:
    """Remove datasets that no run names, and what interrupted runs left; once in a flow's run."""
    tidied = tidying.retain_store(open_store(store))
    for dataset_id in tidied.datasets:
        get_run_logger().info("removed dataset %s: no run names it", dataset_id)
    if tidied.files:
        get_run_logger().info("removed %d old files of killed runs", len(tidied.files))
    for obstacle in tidied.obstacles:
        get_run_logger().warning("%s", obstacle)
    return TidiedRef(
        datasets=len(tidied.datasets), files=len(tidied.files), obstacles=tidied.obstacles
    )
