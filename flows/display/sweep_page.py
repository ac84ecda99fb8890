"""A sweep in Prefect's UI: the decision, bits against cost as a picture, and the best rows."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from flows.display.artifacts import artifact_key, publish
from flows.references import VersionRef
from flows.text.markdown import cell, code_block, code_span

shown_rows = 50
measured = ("state", "rung", "epochs", "bits, even", "bits, odd", "seconds", "error")


def show_sweep(
    store: str,
    model: str,
    varied: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    picture: bytes,
    decided: VersionRef,
    url: str,
) -> None:
    """The rows of a sweep, each cell's last, the fewest bits first; the options that vary in columns."""
    ranked = _ranked(rows)
    encoded = base64.b64encode(picture).decode()
    names = ["cell", *varied, *measured]
    lines = [
        f"# Sweep of model {model}: {len(ranked):,} cells",
        f"**{code_span(f'version {decided.number}, {decided.decision}: {decided.reason}')}**\n",
        f"![Bits per character by seconds of training](data:image/png;base64,{encoded})",
        f"| {' | '.join(map(cell, names))} |",
        "|---" * len(names) + "|",
        *(_line(row, varied) for row in ranked[:shown_rows]),
        "\n## File",
        code_block(url),
    ]
    publish(artifact_key("sweep", store, model), f"Model {model}: the cells of a sweep", lines)


def _ranked(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last row of each cell, the fewest bits first."""
    last = {row["cell"]: row for row in rows}
    return sorted(last.values(), key=lambda row: row["bits_per_character_even"] or math.inf)


def _line(row: Mapping[str, Any], varied: Sequence[str]) -> str:
    """A row of Markdown."""
    values = [
        row["cell"],
        *(row[name] for name in varied),
        row["state"].replace("_", " "),
        row["rung"],
        row["epochs"] and f"{row['epochs']:.1f}",
        _number(row["bits_per_character_even"]),
        _number(row["bits_per_character_odd"]),
        row["seconds"] and f"{row['seconds']:,.1f}",
        row["error"],
    ]
    return f"| {' | '.join(cell('-' if one is None else str(one)) for one in values)} |"


def _number(bits: float | None) -> str | None:
    return None if bits is None else f"{bits:.3f}"
