"""The result of the `sweep` flow."""

from __future__ import annotations

from typing import Literal

from flows.references import MeasuredRef, ReportRef, RungRef, SweepRef, SweepTableRef, VersionRef
from flows.results import FlowResult


class SweepResult(FlowResult):
    """Cells that were trained and compared, and the decision about the best of them."""

    model: str
    sweep_id: str
    sweep_url: str
    outcome: Literal["promoted", "rejected", "unchanged"]  # of this flow run
    cells: int
    runs: int  # fewer, where cells ask for the same one
    failed: int
    trained_iterations: int
    cell: int  # the number of the chosen one
    options: dict[str, bool | int | float | str | None]  # of that cell, as far as they vary
    run_id: str
    iteration: int
    checkpoint_digest: str
    bits_per_character_even: float  # on the held-out blocks by which it was selected
    bits_per_character_odd: float | None  # on those by which it was judged
    version: int
    decision: Literal["promoted", "rejected", "rolled_back"]
    reason: str
    warnings: tuple[str, ...]
    champion: int | None
    report_id: str
    report_url: str
    seconds: float
    page_url: str | None = None

    @property
    def sentence(self) -> str:
        """What came of it, in words."""
        before = "" if self.trained_iterations else "nothing new to train; "
        now = f"version {self.champion} is champion"
        return f"{before}cell {self.cell} {self.decision} as version {self.version}: {self.reason}; {now}"

    def table(self) -> dict[str, str]:
        options = ", ".join(f"{name} {value}" for name, value in self.options.items())
        odd = self.bits_per_character_odd
        return {
            "model": f"{self.model}, run {self.run_id}, iteration {self.iteration:,}",
            "cells": f"{self.cells:,}, {self.failed:,} failed",
            "trained now": f"{self.trained_iterations:,} iterations ({self.seconds:.1f} s in all)",
            "chosen": f"cell {self.cell}: {options}",
            "held-out text": f"{self.bits_per_character_even:.3f} bits per character on the blocks that"
            f" selected, {'-' if odd is None else f'{odd:.3f}'} on those that judged",
            "decision": self.sentence,
            **({"warnings": "; ".join(self.warnings)} if self.warnings else {}),
            "sweep": self.sweep_url,
            "report": self.report_url,
            **({"page": self.page_url} if self.page_url else {}),
        }


def sweep_result(
    sweep: SweepRef,
    rungs: tuple[RungRef, ...],
    chosen: MeasuredRef,
    decided: VersionRef,
    table: SweepTableRef,
    report: ReportRef,
    seconds: float,
) -> SweepResult:
    """The result of the `sweep` flow."""
    checkpoint = chosen.checkpoint
    run_id, digest = checkpoint.run.run_id, checkpoint.digest
    cell = sweep.runs[run_id]
    bits = next(one.bits for one in rungs if (one.run_id, one.digest) == (run_id, digest))
    promoted: Literal["promoted", "rejected"] = (
        "promoted" if decided.decision == "promoted" else "rejected"
    )
    return SweepResult(
        model=checkpoint.run.model,
        sweep_id=sweep.sweep_id,
        sweep_url=table.url,
        outcome=promoted if decided.is_new else "unchanged",
        cells=len(sweep.cells),
        runs=len(sweep.runs),
        failed=sum(one.error is not None for one in rungs),
        trained_iterations=sum(one.trained for one in rungs),
        cell=cell.number,
        options=cell.options,
        run_id=run_id,
        iteration=checkpoint.iteration,
        checkpoint_digest=digest,
        bits_per_character_even=bits or 0.0,
        bits_per_character_odd=chosen.held_out_bits_per_character,
        version=decided.number,
        decision=decided.decision,
        reason=decided.reason,
        warnings=decided.warnings,
        champion=decided.champion,
        report_id=report.report_id,
        report_url=report.url,
        seconds=seconds,
    )
