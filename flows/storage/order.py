"""The order of a model's runs: by numbers in its records, since the clocks of hosts go back.

The first record of a run and each decision about a model carry `order`: one above the largest in
the model's runs and decisions. Records of before have none, and come before those that have one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field

from flows.exceptions import NewerFormat
from flows.storage.log import Log
from flows.storage.runs import is_run_id, run_folder
from flows.storage.stores import Store

largest = 2**62
unknown = -1  # of a run whose records carry no number

Order = Annotated[int, Field(ge=0, le=largest)]


def next_order(store: Store, model: str) -> int:
    """The number of the next run or decision of `model`."""
    return min(largest, max(orders(store, model).values(), default=unknown) + 1)


def orders(store: Store, model: str) -> dict[str, int]:
    """The largest number of each run, or `unknown`: of its first record, or of a decision on it."""
    found = {}
    for run_id in filter(is_run_id, store.names(f"models/{model}/runs")):
        found[run_id] = unknown
        log = Log(store, f"{run_folder(model, run_id)}/log")
        with suppress(NewerFormat):  # that run is a newer program's: only its number is unknown
            if first := log.list_records().oldest("checkpoint"):
                found[run_id] = _order(first.content)
    for record in Log(store, f"models/{model}/versions").list_records().newest_first("version"):
        run_id = str(record.content.get("run_id"))
        found[run_id] = max(found.get(run_id, unknown), _order(record.content))
    return found


def _order(content: dict[str, Any]) -> int:
    number = content.get("order")
    return number if type(number) is int and 0 <= number <= largest else unknown
