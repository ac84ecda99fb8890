"""The result of the `retention` flow."""

from __future__ import annotations

from flows.references import RetainedRef, TidiedRef
from flows.results import FlowResult


class RetentionResult(FlowResult):
    """What retention removed."""

    model: str
    removed_checkpoints: int  # those of removed runs too
    removed_runs: int
    removed_bytes: int
    removed_datasets: int  # of the whole store, as the files
    removed_files: int  # that interrupted runs left
    obstacles: tuple[str, ...]  # why more was not removed

    def table(self) -> dict[str, str]:
        return {
            "model": self.model,
            "checkpoints": f"{self.removed_checkpoints:,} removed, {self.removed_bytes:,} bytes",
            "runs": f"{self.removed_runs:,} removed whole",
            "datasets": f"{self.removed_datasets:,} removed",
            "garbage": f"{self.removed_files:,} files removed",
            **({"kept, since": "; ".join(self.obstacles)} if self.obstacles else {}),
        }


def retention_result(model: str, retained: RetainedRef, tidied: TidiedRef) -> RetentionResult:
    """The result of the `retention` flow."""
    return RetentionResult(
        model=model,
        removed_checkpoints=retained.checkpoints,
        removed_runs=retained.runs,
        removed_bytes=retained.size,
        removed_datasets=tidied.datasets,
        removed_files=tidied.files,
        obstacles=(*retained.obstacles, *tidied.obstacles),
    )
