"""What makes two reports the same: the checkpoint, and every option that changes a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.parameters import SamplingOptions
from flows.reporting.samples.grid import Grid
from flows.storage.canonical import identity

since_format_1 = ("stop", "top_k", "top_p", "hidden_state", "unknown")  # left out where neutral


def report_identity(
    run_id: str, digest: str, sampling: SamplingOptions, week: str | None = None
) -> str:
    """Name of a report: equal for equal checkpoint and options, and in `week` for that alone.

    Reports of format 1 had the same names: one that exists is not written again.
    """
    grid = Grid.of(sampling)
    options: dict[str, Any] = {
        "length": grid.length,
        "temperatures": grid.temperatures,
        "samples_each": grid.each,
        "priming": _one_or_list(grid.primings),
        "seed": _one_or_list(grid.seeds),
    }
    fields = SamplingOptions.model_fields
    given = {name: getattr(sampling, name) for name in since_format_1}
    options |= {name: value for name, value in given.items() if value != fields[name].default}
    return identity([1, run_id, digest, options | ({"week": week} if week else {})])


def week_of(sampling: SamplingOptions) -> str | None:
    """The ISO week of now, in UTC, where a report is wanted each week; as 2026-W48."""
    return f"{datetime.now(UTC):%G-W%V}" if sampling.always else None


def _one_or_list(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)
