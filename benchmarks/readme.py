"""The table of README: what `make bench` measured on each kind of processor, kept in `results`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.side_by_side import Claim, Result

root = Path(__file__).parents[1]
results = Path(__file__).parent / "results"
begin, end = "<!-- written by `make bench` -->", "<!-- up to here -->"


def save(kind: str, result: Result) -> None:
    """Keep a result as that of its kind of processor, in place of an earlier one."""
    results.mkdir(exist_ok=True)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    (results / f"{kind}.json").write_text(text + "\n", encoding="utf-8")


def load() -> list[Result]:
    """Every result, the newest first."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in results.glob("*.json")]
    read = [
        Result(**one | {"claims": [Claim(**claim) for claim in one["claims"]]}) for one in found
    ]
    return sorted(read, key=lambda result: (result.date, result.processor), reverse=True)


def section(read: list[Result]) -> str:
    """The table, with a column for each processor, and the sentences of the newest result."""
    heads = [f"{one.processor}, {one.cores} cores, {one.date}" for one in read]
    lines = [f"| claim | compared with | {' | '.join(heads)} |", "|---|---|" + "---:|" * len(read)]
    by_name = [{(claim.what, claim.other): claim for claim in one.claims} for one in read]
    for what, other in dict.fromkeys(name for claims in by_name for name in claims):
        found = [claims.get((what, other)) for claims in by_name]
        cells = " | ".join(cell(claim) if claim else "" for claim in found)
        lines.append(f"| {what} | {other} | {cells} |")
    newest = read[0]
    versions = ", ".join(f"{name} {version}" for name, version in newest.versions.items())
    lines += ["", f"The newest with {versions}; BLAS: {newest.blas}.", ""]
    lines += [f"- {sentence}" for sentence in newest.sentences]
    return "\n".join(lines)


def cell(claim: Claim) -> str:
    """The median ratio with the lowest and highest of the rounds, and this project's rate."""
    return (
        f"**{claim.ratio:.2f}** ({claim.lowest:.2f} – {claim.highest:.2f}),"
        f" {claim.ours:,.0f} {claim.unit}"
    )


def with_section(readme: str, written: str) -> str:
    """README with that section in place of the present one."""
    before, _, rest = readme.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{written}\n\n{end}{after}"


def rewrite() -> None:
    """Write the section of README anew."""
    path = root / "README.md"
    text = with_section(path.read_text(encoding="utf-8"), section(load()))
    path.write_text(text, encoding="utf-8")
