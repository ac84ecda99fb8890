"""The constants of the kernels: each with its neighbours, measured side by side on this processor."""

from __future__ import annotations

import importlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

Override = dict[str, object]  # a constant's full name and its value

shapes = {  # hidden size, characters, seq_length, streams, iterations of a round
    "one stream": (100, 66, 10, 1, 3000),
    "64 streams, hidden 128": (128, 66, 50, 64, 20),
    "64 streams, hidden 512": (512, 66, 50, 64, 3),
    "5,000 characters": (100, 5000, 10, 1, 200),
}
update, passes, simd = "rnncore.kernels.update.", "rnncore.kernels.passes.", "rnncore.kernels.simd."


def tile(highest: int, widest: int) -> Override:
    """Another tile of `product`."""
    modules = f"{simd}tiles.", f"{simd}products."
    return {
        f"{module}{name}": value
        for module in modules
        for name, value in (("highest", highest), ("widest", widest))
    }


variants: dict[str, Override] = {
    "lanes 4": {"lanes": 4},
    "lanes 8": {"lanes": 8},
    "lanes 16": {"lanes": 16},
    "transposed weights": {"transposed": True},
    "no transposed weights": {"transposed": False},
    "tile 5 × 5": tile(5, 5),
    "tile 6 × 4": tile(6, 4),
    "tile 4 × 6": tile(4, 6),
    "tile 12 × 2": tile(12, 2),
    "widest_row 4": {f"{simd}tiles.widest_row": 4, f"{simd}products.widest_row": 4},
    "widest_row 12": {f"{simd}tiles.widest_row": 12, f"{simd}products.widest_row": 12},
    "most_sums 16": {f"{simd}row_products.most_sums": 16},
    "block_rows 64": {f"{passes}block_rows": 64},
    "block_rows 1024": {f"{passes}block_rows": 1024},
    "block_depth 32": {f"{update}block_depth": 32},
    "block_depth 128": {f"{update}block_depth": 128},
    "block_depth 256": {f"{update}block_depth": 256},
    "strip_bytes 2^13": {f"{update}strip_bytes": 2**13},
    "strip_bytes 2^15": {f"{update}strip_bytes": 2**15},
    "deep_strip_bytes 2^16": {f"{update}deep_strip_bytes": 2**16},
    "deep_strip_bytes 2^17": {f"{update}deep_strip_bytes": 2**17},
    "deep_strip_bytes 2^19": {f"{update}deep_strip_bytes": 2**19},
}


def measure(chosen: list[str], rounds: int = 9) -> Iterator[str]:
    """A row for each variant: its speed over that of the constants as they are, for each shape."""
    yield f"| change | {' | '.join(shapes)} |\n|---|{'---:|' * len(shapes)}"
    with _process({}) as ours:
        for name, override in variants.items():
            if chosen and not any(part in name for part in chosen):
                continue
            with _process(override) as theirs:
                cells = []
                for shape in shapes:
                    ratios = []
                    for _ in range(rounds + 1):
                        before, after = (p.submit(rate, shape).result() for p in (ours, theirs))
                        ratios.append(after / before)
                    low, *_, high = sorted(ratios[1:])  # the first one compiles
                    cells.append(f"{statistics.median(ratios[1:]):.2f} ({low:.2f} – {high:.2f})")
            yield f"| {name} | {' | '.join(cells)} |"


def _process(override: Override) -> ProcessPoolExecutor:
    """A process whose constants are changed before the kernels are compiled."""
    return ProcessPoolExecutor(
        1, get_context("spawn"), initializer=prepare, initargs=(override, tempfile.mkdtemp())
    )


def prepare(override: Override, cache: str) -> None:
    """Change constants of this process; `lanes` and `transposed` are the run's arithmetic."""
    os.environ["NUMBA_CACHE_DIR"] = cache
    for name, value in override.items():
        module, _, constant = name.rpartition(".")
        if module:
            setattr(importlib.import_module(module), constant, value)
        else:
            arithmetic[name] = value


arithmetic: Override = {}
states: dict[str, object] = {}


def rate(shape: str) -> float:
    """Iterations per second of CPU time."""
    from rnncore import Arithmetic, Hyperparameters, TrainingState, train

    H, V, T, B, iterations = shapes[shape]
    options = Hyperparameters(hidden_size=H, seq_length=T, batch_size=B)
    if shape not in states:
        tokens = np.random.default_rng(0).integers(0, V, 100_000).astype(np.uint16)
        states[shape] = TrainingState.initial(V, options, seed=0), tokens
    state, tokens = states[shape]
    chosen = Arithmetic(**{**vars_of(Arithmetic.fastest(options)), **arithmetic})
    started = time.process_time()
    train(state, tokens, iterations, arithmetic=chosen)
    return iterations / (time.process_time() - started)


def vars_of(chosen):
    return {"lanes": chosen.lanes, "transposed": chosen.transposed}


if __name__ == "__main__":
    import sys

    for line in measure(sys.argv[1:]):
        print(line, flush=True)
