"""The `fleet` flow: retrain many models, each by the whole flow `retrain`."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("fleet")

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from prefect.runtime import flow_run

from flows import fleet_plan
from flows.display.fleet import FleetProgress
from flows.exceptions import FleetFailed, FlowError, RunCancelled, StorageError
from flows.fleet_result import FleetResult, fleet_result
from flows.lifecycle.fleet.outcomes import unfinished, with_the_rest
from flows.parameters import Engine, MinimumSuccess, Models, SingleWriter, StoreUrl, default
from flows.references import ModelRow, OutcomeRef
from flows.retrain_model import retrain_model
from flows.runtime.decorators import flow
from flows.runtime.engines import Piece, Workers, engine_of
from flows.runtime.interruption import OrCancelled, cancelled
from flows.runtime.outcome import completed
from flows.runtime.run_names import of_table
from flows.tasks.draw_index import draw_index
from flows.tasks.look_at_models import look_at_models
from flows.tasks.publish_fleet import publish_fleet
from flows.tasks.read_models import read_models
from flows.tasks.retain_store import retain_store
from flows.tasks.write_outcomes import write_outcomes

most_looks = 50  # models in a piece
pieces_a_worker = 4  # at least, where there are as many models


@flow(run_name=of_table("fleet"), dry_run=(fleet_plan.fleet,))
def fleet(
    models: Models = default(Models),
    minimum_success: MinimumSuccess = default(MinimumSuccess),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> OrCancelled[FleetResult]:
    """Retrain every model of a table that is not unchanged; one that fails stops no other.

    A file of outcomes has a row for each model. A second run does only what is not done.
    """
    started, outcomes = time.monotonic(), list[OutcomeRef]()
    with engine_of(engine, store) as workers:
        rows = read_models(models, store, single_writer)
        progress, why = (
            FleetProgress(store, len(rows)),
            "the fleet ended before it came to this model",
        )
        try:
            for outcome in _outcomes(workers, rows, store, single_writer):
                outcomes.append(outcome)
                progress(outcome)
        except RunCancelled as stopped:
            _write(store, with_the_rest(rows, outcomes, str(stopped)))
            return cancelled(stopped)
        except BaseException:  # a signal, too: what is known is written
            _write(store, with_the_rest(rows, outcomes, why))
            raise
    found = with_the_rest(rows, outcomes, why)
    result = fleet_result(found, time.monotonic() - started, _write(store, found))
    _tidy(store, result, found)
    if result.success < minimum_success:
        raise FleetFailed(_too_few(result, minimum_success))
    warnings = [f"warnings at {result.warned:,} models"] if result.warned else []
    return completed(result, result.outcome, result.sentence, warnings)


def _outcomes(
    workers: Workers, rows: Sequence[ModelRow], store: str, single_writer: bool
) -> Iterator[OutcomeRef]:
    """What came of each model, as it comes: first of those that are unchanged."""
    unchanged = set()
    for looked in workers.outcomes(look_at_models, _looks(workers, rows, store)):
        for outcome in looked.value or ():  # where a look failed, its models are retrained
            unchanged.add(outcome.model)
            yield outcome
    left = (row for row in rows if row.model not in unchanged)
    shared = {"store": store, "single_writer": single_writer}
    pieces = (Piece(f"retrain {row.model}", {**shared, "row": row}) for row in left)
    for done in workers.outcomes(retrain_model, pieces):
        yield done.value or unfinished(done.piece.arguments["row"], done.error)


def _looks(workers: Workers, rows: Sequence[ModelRow], store: str) -> Iterator[Piece]:
    """The models in batches, so that a task of Prefect is the smallest part of its work."""
    size = max(1, min(most_looks, len(rows) // (pieces_a_worker * workers.count)))
    for start in range(0, len(rows), size):
        batch = tuple(rows[start : start + size])
        name = f"look at models {start + 1:,} to {start + len(batch):,}"
        yield Piece(name, {"store": store, "rows": batch})


def _write(store: str, outcomes: Sequence[OutcomeRef]) -> str:
    """The file of outcomes of this run of the flow."""
    fleet_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{flow_run.id[:8]}"
    return write_outcomes(store, fleet_id, tuple(outcomes))


def _tidy(store: str, result: FleetResult, outcomes: Sequence[OutcomeRef]) -> None:
    """Once for all models what each retraining does at its end for one."""
    if result.unchanged < result.models:
        with suppress(StorageError):  # its task failed visibly; the models are retrained
            retain_store(store)
        with suppress(StorageError):
            draw_index(store)
    with suppress(FlowError):
        publish_fleet(store, result, tuple(outcomes))


def _too_few(result: FleetResult, minimum_success: float) -> str:
    return (
        f"{result.failed + result.cancelled:,} of {result.models:,} models were not retrained, so"
        f" {result.success:.1%} were, expected at least {minimum_success:.1%}:"
        f" {result.failed_sentence}; all outcomes are in {result.outcomes_url}: mend what they say,"
        " and run again: what is done is not done again"
    )
