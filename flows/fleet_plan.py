"""The dry run of a fleet: every row is checked, and every model looked at."""

from __future__ import annotations

from functools import cache

from flows.dry_run import Lines
from flows.dry_run_request import Request
from flows.lifecycle.fleet.look import look
from flows.lifecycle.fleet.rows import read_models
from flows.lifecycle.limits import limits_of
from flows.runtime.secrets import filesystem_options

shown_models = 10


def fleet(request: Request) -> Lines:
    """How many models the table has, and how many of them would be trained."""
    rows = read_models(request["models"])
    secrets, limits = cache(filesystem_options), limits_of(request.store)
    left = [row.model for row in rows if look(request.store, row, limits, secrets) is None]
    more = f" and {len(left) - shown_models:,} more" if len(left) > shown_models else ""
    names = f": {', '.join(left[:shown_models])}{more}" if left else ""
    return {
        "models": f"{len(rows):,}, each row checked",
        "unchanged": f"{len(rows) - len(left):,}",
        "to retrain": f"{len(left):,}{names}",
        "engine": request["engine"],
    }
