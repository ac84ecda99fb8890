"""A report of many samples: its parts are drawn on the engine, its summary is written at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from flows.lifecycle.report_pieces import may_have_parts
from flows.parameters import SamplingOptions
from flows.references import CheckpointRef, ReportRef
from flows.runtime.engines import Piece, Workers, engine_of
from flows.tasks.draw_parts import draw_parts
from flows.tasks.plan_report import plan_report
from flows.tasks.write_report import write_report


def draw_report(
    engine: str | Workers, checkpoint: CheckpointRef, sampling: SamplingOptions, week: str | None
) -> ReportRef:
    """Sample a checkpoint into a report: on `engine`, or its workers, where it has several files.

    Raises `RunCancelled` where the flow run was cancelled meanwhile: the files that are written stay.
    """
    pieces = plan_report(checkpoint, sampling, week) if may_have_parts(sampling) else ()
    if len(pieces) > 1:
        with _workers_of(engine, checkpoint.run.store) as workers:
            _draw(workers, checkpoint, sampling, week, pieces)
    return write_report(checkpoint, sampling, week)


def _workers_of(engine: str | Workers, store: str) -> AbstractContextManager[Workers]:
    return engine_of(engine, store) if isinstance(engine, str) else nullcontext(engine)


def _draw(
    workers: Workers,
    checkpoint: CheckpointRef,
    sampling: SamplingOptions,
    week: str | None,
    pieces: Sequence[Sequence[int]],
) -> None:
    """Draw all pieces; the error of the first one, in their order, that failed."""
    shared = {"checkpoint": checkpoint, "sampling": sampling, "week": week}

    def calls() -> Iterator[Piece]:
        for place, numbers in enumerate(pieces):
            name = f"samples {place + 1}/{len(pieces)} of checkpoint {checkpoint.iteration}"
            yield Piece(name, {**shared, "numbers": numbers})

    failed = {
        outcome.piece.arguments["numbers"][0]: outcome.error
        for outcome in workers.outcomes(draw_parts, calls())
        if outcome.error
    }
    if failed:
        raise failed[min(failed)]
