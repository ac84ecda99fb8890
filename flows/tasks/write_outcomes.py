"""Task: write what came of the models of a fleet."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import get_run_logger

from flows.parameters import StoreUrl
from flows.references import OutcomeRef
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("write the outcomes of {fleet_id}")
def write_outcomes(store: StoreUrl, fleet_id: str, outcomes: tuple[OutcomeRef, ...]) -> str:
    """The address of the file, a row for each model; it is written on every run."""
    from flows.storage import fleets  # pyarrow takes 40 MB

    rows = (outcome.model_dump() for outcome in outcomes)
    month = f"{fleet_id[:4]}-{fleet_id[4:6]}"
    url = fleets.write(open_store(store), fleet_id, month, rows, datetime.now(UTC))
    get_run_logger().info("outcomes: %s", url)
    return url
