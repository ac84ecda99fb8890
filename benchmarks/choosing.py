"""What options buy in bits and in seconds: `python -m benchmarks.choosing TEXT EPOCHS STORE`.

Each option is swept alone around a base, in one store, so that no run is trained twice. The tables of
docs/choosing-options.md are printed by it: bits on the held-out blocks of even digest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pyarrow.parquet as pq

base = {"hidden_size": 128, "seq_length": 25, "batch_size": 1, "learning_rate": 0.03}
axes: dict[str, list[float]] = {
    "hidden_size": [32, 64, 128, 256],
    "seq_length": [10, 25, 50, 100],
    "batch_size": [1, 4, 16],
    "learning_rate": [0.003, 0.01, 0.03, 0.1],
}


def main(text: str, epochs: str, store: str) -> None:
    """Sweep each axis, and print its table."""
    common = ["--corpus", text, "--store", store, "--epochs", epochs, "--sampling.length=100"]
    for name, values in axes.items():
        given = {option: [value] for option, value in base.items()} | {name: values}
        options = {f"training.{option}": each for option, each in given.items()}
        rows = swept([*common, f"--sweep.options={json.dumps(options)}"])
        print(f"\n| {name} | bits per character | seconds | characters per second | parameters |")
        print("|---:|---:|---:|---:|---:|")
        for row in rows:
            print(line(row, name), flush=True)


def swept(arguments: list[str]) -> list[dict[str, Any]]:
    """The rows of a sweep's file."""
    command = [sys.executable, "-m", "flows.sweep", "--json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[dict[str, Any]] = pq.read_table(json.loads(done.stdout)["sweep_url"]).to_pylist()
    return rows


def line(row: dict[str, Any], name: str) -> str:
    """A cell as a row of Markdown."""
    if row["error"]:
        return f"| {row[f'training.{name}']:g} | failed: {row['error']} | | | |"
    return (
        f"| {row[f'training.{name}']:g} | {row['bits_per_character_even']:.3f}"
        f" | {row['seconds'] or 0:,.1f} | {row['characters_per_second'] or 0:,.0f}"
        f" | {row['parameters']:,} |"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
