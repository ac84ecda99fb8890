"""Task: publish what came of a fleet in Prefect's UI."""

from __future__ import annotations

from flows.display.fleet import show_fleet
from flows.fleet_result import FleetResult
from flows.references import OutcomeRef
from flows.reporting.fleet_chart import gain_chart_png
from flows.runtime.decorators import task


@task("publish the outcomes of the fleet")
def publish_fleet(store: str, result: FleetResult, outcomes: tuple[OutcomeRef, ...]) -> None:
    """A table of who failed and who improved, and a picture of the gains."""
    gains = [outcome.gain for outcome in outcomes if outcome.gain is not None]
    show_fleet(store, result, outcomes, gain_chart_png(gains, result.sentence))
