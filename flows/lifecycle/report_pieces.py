"""The pieces of a large report: parts that are still to be drawn, some seconds of work together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from flows.lifecycle.estimates import estimate_report, program_bytes
from flows.lifecycle.limits import memory_limit
from flows.lifecycle.room import Room
from flows.parameters import SamplingOptions
from flows.reporting.samples.grid import Grid, widest_of_all
from flows.reporting.samples.writing import OnDrawn, Report

least_seconds = 10.0  # of a piece: a task of Prefect costs some hundredths of one
_room = Room(lambda: memory_limit() - program_bytes)


class Drawing(NamedTuple):
    """What the parts of a report take."""

    seconds: float  # of a sample
    memory: int  # bytes of the largest part

    @classmethod
    def of(cls, report: Report) -> Drawing:
        """That of the parts of `report`."""
        record = report.opened.log.record(report.digest)
        found = estimate_report(report.opened, record, report.sampling)
        return cls(found.hours * 3600 / report.grid.samples, found.memory - program_bytes)


def may_have_parts(sampling: SamplingOptions) -> bool:
    """Whether a report has several files, as far as its options tell."""
    return len(Grid.of(sampling).parts(widest_of_all)) > 1


def pieces_of(report: Report) -> list[list[int]]:
    """The numbers of the parts that are not there, in pieces of ten seconds or more."""
    missing = report.missing()
    if len(missing) < 2:  # noqa: PLR2004 - nothing is beside it
        return [missing] if missing else []
    each = Drawing.of(report).seconds
    return grouped((number, each * len(report.parts[number])) for number in missing)


def grouped(works: Iterable[tuple[int, float]]) -> list[list[int]]:
    """Numbers, each with its seconds, in groups of ten seconds or more; the last has what is left.

    >>> grouped([(0, 4.0), (1, 7.0), (3, 20.0), (4, 1.0)])
    [[0, 1], [3], [4]]
    """
    groups: list[list[int]] = []
    seconds = least_seconds
    for number, own in works:
        if seconds >= least_seconds:
            groups.append([])
            seconds = 0.0
        groups[-1].append(number)
        seconds += own
    return groups


def draw_piece(report: Report, numbers: Iterable[int], on_drawn: OnDrawn) -> None:
    """Write parts, but those that are there; as many at once as the memory has room for."""
    with _room.taken(Drawing.of(report).memory, partial(on_drawn, 0)):
        for number in numbers:
            report.write_part(number, on_drawn)
