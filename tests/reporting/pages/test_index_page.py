"""The page of all models: one row each, and none stops the others."""

from __future__ import annotations

import re
from html import unescape

from flows.lifecycle.choosing import roll_back
from flows.reporting.pages.index_page import write_index, write_pages
from flows.reporting.pages.report_page import write_report_page
from flows.storage import bounds
from flows.storage.stores import Store
from tests.support.decisions import decided
from tests.support.reports import save_report
from tests.support.stores import StoreWrapper, overwrite


def rows(store: Store) -> dict[str, list[str]]:
    """The cells of each model as text."""
    write_index(store)
    page = store.read("reports/pages/index.html").decode()
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall("<td.*?>(.*?)</td>", row) for row in body.split("</tr>")[:-1]]
    found = [[unescape(re.sub("<.*?>", "", cell)) for cell in row] for row in cells]
    return {row[0]: row for row in found}


def record(model: str, number: int) -> str:
    """Path of a record of decisions."""
    return f"models/{model}/versions/{number:012}.json"


def test_a_row_says_what_holds_of_a_model(store: Store) -> None:
    """Champion with its bits, the last decision with its gain, and how many there were."""
    registry = decided(store, "pp", "one", champion_bits_per_character=4.25)
    decided(store, "pr", "two")
    roll_back(store, "one", 0, "")
    version = registry.history().entries[-1].version
    save_report(store, "one", "a" * 16, version)
    write_report_page(store, "one", "a" * 16)

    found = rows(store)

    assert ["one", "version 0", "4.000", "rolled back"] == found["one"][:4]
    assert ["-", "3"] == found["one"][5:7]
    assert "samples" == found["one"][8]
    assert ["two", "version 0", "4.000", "rejected"] == found["two"][:4]
    assert "2" == found["two"][6]
    assert "-" == found["two"][8]
    page = store.read("reports/pages/index.html").decode()
    assert f'<a href="one/{"a" * 16}.html">samples</a>' in page
    assert '<a href="two.html">two</a>' in page


def test_a_gain_is_that_of_the_last_decision(store: Store) -> None:
    decided(store, "p", champion_bits_per_character=4.125)

    assert "+0.125" == rows(store)["m"][5]


def test_a_model_without_decisions_is_listed(store: Store) -> None:
    store.put("models/begun/runs/" + "0" * 16 + "/run.json", b"{}")

    assert ["begun", "none", "-", "none yet"] == rows(store)["begun"][:4]


def test_a_model_that_cannot_be_read_does_not_stop_the_others(store: Store) -> None:
    """A record that is corrupt, or all of them."""
    for model in ("all", "newest", "sound"):
        decided(store, "pp", model)
    for path in (record("all", 0), record("all", 1), record("newest", 1)):
        overwrite(store, path, b"<img src=x>")

    found = rows(store)

    assert found["all"][3].startswith("unreadable: not a JSON record")
    assert found["newest"][3].startswith("promotedunreadable: ")
    assert "version 0" == found["newest"][1]
    assert ["sound", "version 1", "3.900", "promoted"] == found["sound"][:4]


def test_records_of_before_that_do_not_name_the_champion_are_followed(store: Store) -> None:
    decided(store, "p", champion_bits_per_character=None)
    entries = decided(store, "r").history().entries

    assert [None, None] == [entry.version.champion_now for entry in entries]
    assert "version 0" == rows(store)["m"][1]


def test_a_store_without_models_has_a_page(store: Store) -> None:
    assert {} == rows(store)
    assert "0 in <code>" in store.read("reports/pages/index.html").decode()


def test_a_model_may_be_called_index(store: Store) -> None:
    """Its page does not take the place of the page of all models."""
    decided(store, "p", "index")

    write_pages(store, "index")

    assert b"<h1>Models</h1>" in store.read("reports/pages/index.html")
    assert b"<h1>Model index</h1>" in store.read("reports/pages/index/model.html")
    assert b'<a href="index/model.html">index</a>' in store.read("reports/pages/index.html")


class Reads(StoreWrapper):
    """Remembers what is read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.paths: list[str] = []

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        self.paths.append(path)
        return super().read(path, most)


def test_only_the_newest_records_of_a_model_are_read(store: Store) -> None:
    """However long its log is: the last decision, and the champion that it names."""
    registry = decided(store, "p")
    version = registry.history().entries[0].version.model_copy(update={"champion_now": 0})
    for _ in range(20):
        registry.append(lambda _history, _number: version)

    reads = Reads(store)
    write_index(reads)

    assert [record("m", 20), record("m", 0)] == reads.paths
