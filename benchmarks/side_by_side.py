"""Timing that can be trusted on a noisy machine: contenders take turns, and medians are compared."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec

from flows.lifecycle.machine import cpu_model, library_versions
from rnncore.kernels.simd.processor import target_processor

settling_seconds = 0.1  # after its last call a BLAS's threads go on waiting for the next, busily
Work = Callable[[], float]  # does some work and returns how much, in the claim's unit


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the table."""

    what: str
    unit: str
    ours: float  # median rate
    other: str  # what it is compared with
    theirs: float
    ratio: float  # median of the ratios of rounds
    lowest: float
    highest: float

    def line(self) -> str:
        """As a row of a Markdown table."""
        return (
            f"| {self.what} | {self.ours:,.0f} {self.unit} | {self.other} | {self.theirs:,.0f}"
            f" | {self.ratio:.2f} ({self.lowest:.2f} – {self.highest:.2f}) |"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured on one kind of processor."""

    processor: str
    date: str
    cores: int
    versions: dict[str, str]
    blas: str
    claims: list[Claim]
    sentences: list[str]


header = (
    "| claim | this project | compared with | that | ratio (lowest – highest of rounds) |\n"
    "|---|---:|---|---:|---:|"
)


def compare(
    what: str,
    unit: str,
    ours: Work,
    others: Mapping[str, Work],
    *,
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Claim]:
    """Rates of `ours` and each of `others`, each doing its work once a round, in turn.

    A first round, which may compile or fill caches, is not counted.
    """
    contenders = {"": ours, **others}
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, work in contenders.items():
            rate = _rate(work, clock)
            if number:
                rates[name].append(rate)
    claims = []
    for name in others:
        ratios = [mine / theirs for mine, theirs in zip(rates[""], rates[name], strict=True)]
        claims.append(
            Claim(
                what=what,
                unit=unit,
                ours=statistics.median(rates[""]),
                other=name,
                theirs=statistics.median(rates[name]),
                ratio=statistics.median(ratios),
                lowest=min(ratios),
                highest=max(ratios),
            )
        )
    return claims


def machine() -> str:
    """When and on what the figures were measured."""
    versions = ", ".join(f"{name} {found}" for name, found in library_versions().items())
    return f"{today()}, {processor()}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def this_processor(claims: list[Claim], sentences: list[str], blas: str) -> tuple[str, Result]:
    """LLVM's name for this processor, and what was measured on it."""
    versions = library_versions()
    if find_spec("torch"):
        versions |= {"PyTorch": version("torch")}
    found = Result(processor(), today(), os.cpu_count() or 1, versions, blas, claims, sentences)
    return target_processor(), found


def processor() -> str:
    """This processor as its maker names it, and in brackets as LLVM does."""
    return f"{cpu_model()} ({target_processor()})"


def today() -> str:
    """The date."""
    return datetime.now(UTC).date().isoformat()


def _rate(work: Work, clock: Callable[[], float]) -> float:
    time.sleep(settling_seconds)
    started = clock()
    amount = work()
    return amount / (clock() - started)
