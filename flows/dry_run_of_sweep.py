"""The dry run of a sweep: its cells, how much of them is done, and what is left."""

from __future__ import annotations

from flows.dry_run import Lines, checked, found_by_gates
from flows.dry_run_request import Request
from flows.lifecycle.sweeps.cells import cells_of
from flows.lifecycle.sweeps.plan import estimate_sweep, iterations_left, plan_cells
from flows.runtime.engines.choice import thread_count

shown_cells = 10


def sweep(request: Request) -> Lines:
    """The cells, how much of them is done, and what is left; what the gates find in the text."""
    options = request["sweep"]
    text = request.corpus.dataset(request.text)  # encoded, since a tail has no digests before
    planned = plan_cells(request.store, text, cells_of(request.training, options), options)
    left = iterations_left(request.store, planned)
    found = estimate_sweep(
        request.store, text, planned, options.factor, thread_count(request["engine"]) or 1
    )
    return {
        "cells": f"{len(planned):,}, of {len({one.work.run.run_id for one in planned}):,} runs: "
        + "; ".join(one.cell.name for one in planned[:shown_cells])
        + ("; …" if len(planned) > shown_cells else ""),
        "rungs": " ".join(f"{goal:,}" for goal in planned[0].goals)
        + f" iterations of the first cell; one in {options.factor} goes on",
        "left": f"{sum(left):,} iterations at most, {left.count(0):,} cells are done",
        **found_by_gates(request),
        **checked(request, found),
    }
