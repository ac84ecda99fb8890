"""The page of a model: it shows every decision, and nothing in a record is taken for HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from flows.exceptions import UnknownObject
from flows.lifecycle.choosing import promote_by_hand, roll_back
from flows.reporting.pages.model_page import write_page
from flows.reporting.pages.report_page import write_report_page
from flows.reporting.story import story_of
from flows.storage.stores import Store, open_store
from flows.storage.versions import Finding
from tests.support.decisions import decided
from tests.support.reports import save_report

hostile = "<script>alert(1)</script>\x1b[2J\u202e\"'&<img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """The names of the elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def drawn(store: Store, model: str = "m") -> str:
    """The page of a model, as it is in the store."""
    write_page(store, model)
    return store.read(f"reports/pages/{model}.html").decode()


def test_it_shows_what_holds_and_every_decision(store: Store) -> None:
    """Newest first, with reason, note, and the champion after each."""
    decided(store, "pr")
    decided(store, "p", lost_bits=0.125)
    assert "0.125" in drawn(store)
    roll_back(store, "m", None, "too many commas")
    promote_by_hand(store, "m", 1, "")

    page = Elements(drawn(store)).text

    for expected in ("version 4 of", "9 characters", "bytes in", "note: too many commas"):
        assert expected in page
    assert ["promoted by hand", "rolled back to version 0", "promoted, rolled back since"] == (
        re.findall(
            r"promoted by hand(?=\d)|rolled back to version 0(?=\d)|[a-z]+, rolled back since", page
        )[:3]
    )


def test_whatever_comes_from_outside_is_text(store: Store) -> None:
    """A note, a reason, a warning and what a gate found, also with characters of control."""
    finding = Finding(gate="size", action="warn", value=0.5, bound=0.7, sentence=hostile)
    decided(store, "p", reason=hostile, warnings=(hostile,), findings=(finding,))
    decided(store, "p")
    roll_back(store, "m", None, hostile)

    page = drawn(store)

    elements = Elements(page)
    assert "script" not in elements.names
    assert "img" not in elements.names
    assert "<script>alert(1)</script>\\x1b[2J\\u202e\"'&<img" in elements.text
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "http:" not in page.replace("http-equiv", "")


def test_its_picture_is_in_it(store: Store) -> None:
    """As an SVG: a line, and a dot for each version that was promoted or rejected."""
    decided(store, "ppr")

    picture = ET.fromstring("<svg" + between(drawn(store)))

    assert 1 == len(picture.findall(".//path[@class='line blue']"))
    dots = {group.attrib["class"]: len(group) for group in picture.findall(".//g")}
    assert {"green": 2, "red": 1} == dots


def test_it_links_to_the_reports_that_have_a_page(store: Store) -> None:
    """The newest of a version's checkpoint."""
    version = decided(store, "p").history().entries[0].version
    for report_id in ("a" * 16, "b" * 16):
        save_report(store, "m", report_id, version)
    assert "report</a>" not in drawn(store)

    write_report_page(store, "m", "a" * 16)

    assert f'<a href="m/{"a" * 16}.html">report</a>' in drawn(store)


def between(page: str) -> str:
    """The rest of the first picture of a page."""
    return page.partition("<svg")[2].partition("</svg>")[0] + "</svg>"


def test_a_page_is_replaced_whole_and_nothing_else_is(store: Store) -> None:
    """It is the only kind of object that is written again."""
    decided(store, "p")
    first = drawn(store)
    decided(store, "p")

    assert first != drawn(store)
    assert ["m.html"] == store.names("reports/pages")
    with pytest.raises(ValueError, match="is not in reports/pages"):
        store.replace("models/m/versions/000000000000.json", b"{}")


def test_a_page_follows_the_umask(local: Store) -> None:
    """As reports do: it is for people."""
    decided(local, "p")

    assert 0o044 & Path(write_page(local, "m")).stat().st_mode


def test_a_dry_run_draws_nothing(store: Store) -> None:
    decided(store, "p")

    where = write_page(store, "m", dry_run=True)

    assert where == store.location("reports/pages/m.html")
    assert [] == store.names("reports/pages")


def test_a_model_without_versions_has_no_page(tmp_path: Path) -> None:
    """And no folder is made."""
    place = tmp_path / "none"

    with pytest.raises(UnknownObject, match="model m has no versions in"):
        write_page(open_store(str(place)), "m")

    assert not place.exists()


def test_a_story_counts_the_disk_of_its_model_alone(store: Store) -> None:
    """Each object of it, and no object of another model."""
    decided(store, "pr")
    before = story_of(store, "m").usage
    decided(store, "p", "other")

    assert before == story_of(store, "m").usage
    assert 2 * 3 + 2 == before.files
    assert before.bytes > 1000


def test_the_champion_after_each_decision_is_that_of_then(store: Store) -> None:
    decided(store, "prp")
    roll_back(store, "m", 0, "")

    nights = story_of(store, "m").nights

    assert [0, 2, 0, 0] == [night.champion for night in nights]
    assert ["rolled_back", "rolled_back", "rolled_back", "promoted"] == [n.decision for n in nights]
