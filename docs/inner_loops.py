"""List the inner loops of the compiled kernels: `python docs/inner_loops.py` (see kernels.md)."""

# ruff: noqa: INP001 - a script beside the page that explains it, not a package

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np

from rnncore.kernels.simd import aligned, known_lanes
from rnncore.kernels.simd.products import product_in_tiles
from rnncore.kernels.simd.row_products import row_product_in_tiles

counts = {
    "instructions": "",
    "multiply-adds": r"^vfn?madd|^fmla",
    "vector loads": r"^v?movu?[ap][sd]\s+[^,]*\(.*\),|^ldr\s+q|^ldp\s+q",
    "broadcasts": r"^vbroadcasts[sd]\s+.*\(|\{1to|^ld1r",  # from memory
    "stack": r"\(%rsp|\[sp",  # a load or store of the stack
}


def inner_loops(assembly: str) -> Iterator[list[str]]:
    """Instructions of each basic block whose last jump goes back to its own label."""
    for block in re.split(r"^(?=\.?\w+:)", assembly, flags=re.MULTILINE):
        label, *lines = block.splitlines() or [""]
        body = [line.strip() for line in lines if re.match(r"\s+[a-z]", line)]
        name = re.escape(label.split(":")[0])
        ends = [n for n, line in enumerate(body) if re.search(rf"^(j|b).*\s{name}$", line)]
        if ends:
            yield body[: ends[-1] + 1]


def show(function: Any, element: type) -> None:
    """A table row for each inner loop of a compiled function with at least four multiply-adds."""
    for signature, assembly in function.inspect_asm().items():
        if signature[0].dtype.name != element.__name__:
            continue
        print(f"\n{function.__name__}, {element.__name__}")
        print(*(f"{name:>14}" for name in counts))
        rows = [
            [sum(bool(re.search(p, line)) for line in body) for p in counts.values()]
            for body in inner_loops(assembly)
        ]
        for row in sorted(row for row in rows if row[1] > 3):  # noqa: PLR2004 - as said above
            print(*(f"{number:14}" for number in row))


def main() -> None:
    """Compile both products for both types, and show their inner loops."""
    for element in (np.float32, np.float64):
        matrix = aligned(np.dtype(element), known_lanes(np.dtype(element).itemsize * 8), 48, 48)
        numbers = matrix, 0, matrix, 0
        size = 48, 1, matrix, 0, 48, 48, 48, False
        arguments: dict[Any, tuple[Any, ...]] = {
            product_in_tiles: (*numbers, *size),
            row_product_in_tiles: (*numbers, matrix, 48),
        }
        for function, values in arguments.items():
            function.compile(tuple(map(numba.typeof, values)))
            show(function, element)


if __name__ == "__main__":
    main()
