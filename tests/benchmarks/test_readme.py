"""README's table of speeds is what was measured last on each kind of processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import readme
from benchmarks.side_by_side import Claim, Result


def result(processor: str, date: str, *claims: Claim) -> Result:
    """A result of two cores."""
    return Result(processor, date, 2, {"numpy": "2"}, "openblas", list(claims), [f"on {date}"])


def claim(what: str, ratio: float) -> Claim:
    """A claim against numpy."""
    return Claim(what, "chars/s", 1234.5, "numpy", 500.0, ratio, ratio - 1, ratio + 1)


def test_readme_has_what_was_measured() -> None:
    """`make bench` writes both; nobody edits the table by hand."""
    text = (readme.root / "README.md").read_text(encoding="utf-8")

    assert text == readme.with_section(text, readme.section(readme.load()))


def test_each_kind_of_processor_has_a_column_the_newest_first() -> None:
    """A claim that was not measured on one of them has an empty cell; sentences are the newest's."""
    written = readme.section(
        [
            result("Zen 5", "2026-12-01", claim("training", 30.0)),
            result("Zen 3", "2026-11-24", claim("training", 25.0), claim("sampling", 9.0)),
        ]
    )

    assert (
        "| claim | compared with | Zen 5, 2 cores, 2026-12-01 | Zen 3, 2 cores, 2026-11-24 |"
        in written
    )
    assert (
        "| training | numpy | **30.00** (29.00 – 31.00), 1,234 chars/s"
        " | **25.00** (24.00 – 26.00), 1,234 chars/s |"
    ) in written
    assert "| sampling | numpy |  | **9.00** (8.00 – 10.00), 1,234 chars/s |" in written
    assert "- on 2026-12-01" in written
    assert "- on 2026-11-24" not in written


def test_a_result_takes_the_place_of_an_earlier_one_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two kinds, both stay."""
    monkeypatch.setattr(readme, "results", tmp_path / "results")
    newest = result("Zen 5", "2026-12-02", claim("training", 31.0))
    readme.save("znver5", result("Zen 5", "2026-12-01", claim("training", 30.0)))
    readme.save("znver3", result("Zen 3", "2026-11-24"))
    readme.save("znver5", newest)

    assert [newest, result("Zen 3", "2026-11-24")] == readme.load()


def test_the_rest_of_readme_stays() -> None:
    """Also when it is written again."""
    once = readme.with_section(f"# Title\n\n{readme.begin}\nold\n{readme.end}\n\nMore\n", "new")

    assert f"# Title\n\n{readme.begin}\n\nnew\n\n{readme.end}\n\nMore\n" == once
    assert once == readme.with_section(once, "new")
