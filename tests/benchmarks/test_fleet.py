"""The costs of many models on paper, from those of one."""

from __future__ import annotations

from benchmarks.fleet import Costs, limits, nights
from flows.storage import bounds

costs = Costs(
    night_seconds=10,
    look_seconds=0.01,
    retrain_seconds=2,
    index_seconds=0.001,
    list_seconds=0.001,
    index_bytes=500,
    row_bytes=100,
    outcome_bytes=400,
    database_bytes=1e6,
    files=20,
    store_bytes=100e3,
)


def cells(number: int) -> list[str]:
    """A row of the table of nights, after its header."""
    return [cell.strip() for cell in list(nights(costs))[2 + number].strip("| ").split("|")]


def test_a_night_costs_what_its_models_cost() -> None:
    """And what it costs to start, which a thousand models share."""
    assert "1,000" == cells(2)[0]
    assert ["20.0 s", "33.5 min", "2.0 s", "500.0 kB"] == cells(2)[1:5]
    assert ["400.0 kB", "1.0 GB", "20,000", "100.0 MB"] == cells(2)[5:]


def test_what_ends_first_is_named_first() -> None:
    """With the bounds of the program itself."""
    found = {limit.what: limit.models for limit in limits(costs)}

    assert list(found.values()) == sorted(found.values())
    assert "10 GB of Prefect's database in a night of retraining" == next(iter(found))
    assert bounds.models == found["rows of a table of models"]
    assert bounds.page / 500 == found["bytes of the page of all models"]
