"""What a fleet wrote of its models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def newest_outcomes(store: Path) -> list[dict[str, Any]]:
    """Rows of the newest file; names of files tell only seconds apart."""
    files = (store / "reports/fleet").rglob("*.parquet")
    newest = max(files, key=lambda file: file.stat().st_mtime_ns)
    rows: list[dict[str, Any]] = pq.read_table(newest).to_pylist()
    return rows
