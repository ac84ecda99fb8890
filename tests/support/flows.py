"""Flows called from tests, and the files that they write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from flows.report import report
from flows.results import ReportResult, RetrainResult
from flows.retrain import retrain


def retrained(parameters: dict[str, Any]) -> RetrainResult:
    """The result of `retrain`, cast from the union of what a flow may return."""
    return cast("RetrainResult", retrain(**parameters))


def reported(**parameters: Any) -> ReportResult:
    """The result of `report`, in the same way."""
    return cast("ReportResult", report(**parameters))


def files_below(folder: Path) -> list[Path]:
    """Every file under `folder`, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
