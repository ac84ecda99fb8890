"""Print every claim: `make bench`, or `python -m benchmarks one_stream batches` for some of them."""

# ruff: noqa: E402 - what loads numpy is imported after its environment is set

from __future__ import annotations

import sys

from benchmarks.opponents import blas_libraries, start_again_without_slowing

start_again_without_slowing()  # before numpy is imported

from benchmarks import batches, growth, learning, one_stream, orchestration, sampling, tune
from benchmarks.side_by_side import header, machine

tables = {"one_stream": one_stream, "batches": batches, "sampling": sampling}
sentences = {"learning": learning, "orchestration": orchestration}


def main(chosen: list[str]) -> None:
    """Measure the chosen claims, by default all; `tune` is another table, and not among them."""
    print(f"{machine()}\nBLAS: {blas_libraries()}\n")
    if chosen[:1] == ["tune"]:
        for line in tune.table(chosen[1:]):
            print(line, flush=True)
        return
    print(header)
    for name, module in tables.items():
        if not chosen or name in chosen:
            for claim in module.measure():
                print(claim.line(), flush=True)
    print()
    for name, module in sentences.items():
        if not chosen or name in chosen:
            print(*(f"- {sentence}" for sentence in module.measure()), sep="\n", flush=True)
    if not chosen or "growth" in chosen:
        curves = growth.measure()
        growth.draw(curves)
        print(f"\nTraining, characters per second\n\n{growth.table(curves)}")


if __name__ == "__main__":
    main(sys.argv[1:])
