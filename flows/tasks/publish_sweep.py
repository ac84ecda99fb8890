"""Task: write the table of a sweep, and show it in Prefect's UI."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.sweep_page import show_sweep
from flows.lifecycle.sweeps.table import write_table
from flows.references import MeasuredRef, RungRef, SweepRef, SweepTableRef, VersionRef
from flows.reporting.sweep_picture import sweep_png
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("publish sweep {sweep.sweep_id}")
def publish_sweep(
    sweep: SweepRef, rungs: tuple[RungRef, ...], chosen: MeasuredRef, decided: VersionRef
) -> SweepTableRef:
    """A row for each cell and rung in Parquet; a picture and the best of them as a page."""
    run = chosen.checkpoint.run
    url, rows = write_table(open_store(run.store), sweep, rungs, chosen)
    picture = sweep_png(rows, f"Sweep of model {run.model}")
    show_sweep(run.store, run.model, list(sweep.cells[0].options), rows, picture, decided, url)
    get_run_logger().info("sweep %s: %d rows in %s", sweep.sweep_id, len(rows), url)
    return SweepTableRef(url=url, rows=len(rows))
