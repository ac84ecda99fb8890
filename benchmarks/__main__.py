"""Print every claim: `make bench`, or `python -m benchmarks one_stream batches` for some of them."""

# ruff: noqa: E402 - what loads numpy is imported after its environment is set

from __future__ import annotations

import sys

from benchmarks.opponents import blas_libraries, start_again_without_slowing

start_again_without_slowing()  # before numpy is imported

from benchmarks import (
    batches,
    copying,
    engines,
    fleet,
    growth,
    learning,
    many_files,
    one_stream,
    orchestration,
    reading,
    readme,
    sampling,
    scoring,
    tune,
    vocabulary,
    windows,
)
from benchmarks.side_by_side import Claim, header, machine, processor, this_processor

tables = {
    "one_stream": one_stream,
    "batches": batches,
    "windows": windows,
    "vocabulary": vocabulary,
    "sampling": sampling,
    "scoring": scoring,
    "reading": reading,
    "many_files": many_files,
    "copying": copying,
}
sentences = {"learning": learning, "orchestration": orchestration}


def main(chosen: list[str]) -> None:
    """Measure the chosen claims, or all and write README's table; `tune`, `engines`, `fleet` print others."""
    print(f"{machine()}\nBLAS: {blas_libraries()}\n")
    if chosen[:1] == ["tune"]:
        for line in tune.table(chosen[1:]):
            print(line, flush=True)
        return
    if chosen[:1] == ["engines"]:
        for line in engines.table(*map(int, chosen[1:2])):
            print(line, flush=True)
        return
    if chosen[:1] == ["fleet"]:
        for line in fleet.table(*map(int, chosen[1:2])):
            print(line, flush=True)
        return
    claims, said = measure_claims(chosen), measure_sentences(chosen)
    if not chosen:
        kind, found = this_processor(claims, said, blas_libraries())
        readme.save(kind, found)
        readme.rewrite()
    if not chosen or "growth" in chosen:
        curves = growth.measure()
        growth.draw(curves)
        growth.write(curves, processor())
        print(f"\nTraining, characters per second\n\n{growth.table(curves)}")


def measure_claims(chosen: list[str]) -> list[Claim]:
    """The chosen rows of the table, each printed when it is known."""
    print(header)
    claims = []
    for name, module in tables.items():
        if not chosen or name in chosen:
            for claim in module.measure():
                print(claim.line(), flush=True)
                claims.append(claim)
    return claims


def measure_sentences(chosen: list[str]) -> list[str]:
    """The chosen claims that are sentences."""
    print()
    found = []
    for name, module in sentences.items():
        if not chosen or name in chosen:
            for sentence in module.measure():
                print(f"- {sentence}", flush=True)
                found.append(sentence)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
