"""The store's pages in a real browser: light, dark, printed, on a phone; and nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from flows.lifecycle.profiling import profile_of
from flows.reporting.pages.index_page import write_pages
from flows.reporting.pages.report_page import write_report_page
from flows.storage.datasets import tokenise
from flows.storage.profiles import save_profile
from flows.storage.stores import open_store
from tests.support.browser import opened
from tests.support.decisions import corpus, decided
from tests.support.pages import picture, rendered
from tests.support.reports import save_report

report_id = "0123456789abcdef"
names = (f"hostile/{report_id}.html", "hostile.html", "index.html")
wider_than_the_window = """() => [...document.body.querySelectorAll('*')]
    .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1
              || e.getBoundingClientRect().left < -1)
    .map(e => e.outerHTML.slice(0, 200))"""
least_contrast = """() => {
    const parts = c => c.match(/[\\d.]+/g).map(Number);
    const light = c => { const [r, g, b] = parts(c).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ground = e => { for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor, p = parts(c);
        if (p.length < 4 || p[3] > 0) return c; } return 'rgb(255, 255, 255)'; };
    const ratios = [...document.body.querySelectorAll('*')]
        .filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()))
        .filter(e => e.getClientRects().length)
        .map(e => { const s = getComputedStyle(e);
            const a = light(e.closest('svg') ? s.fill : s.color), b = light(ground(e));
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 100)]; });
    return ratios.sort((a, b) => a[0] - b[0])[0]; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a model whose texts, notes and reasons would fetch something as HTML."""
    place = tmp_path_factory.mktemp("store")
    store = open_store(str(place))
    text = "".join(rendered) + " " + "long" * 200
    decided(store, "p", "hostile", reason=text, warnings=(text,))
    registry = decided(store, "p", "hostile", reason=text)
    save_profile(store, profile_of(tokenise([corpus])))
    for entry, name in zip(registry.history().entries, (report_id, "f" * 16), strict=True):
        save_report(store, "hostile", name, entry.version, text=text, priming=picture)
        write_report_page(store, "hostile", name)
    decided(store, "pr", "m" * 64)
    write_pages(store, "hostile")
    write_report_page(store, "hostile", report_id)
    return place / "reports/pages"


@pytest.fixture(params=[("light", 1200), ("dark", 1200), ("light", 390), ("dark", 390)], ids=str)
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty tab of a width, for eyes that want light or dark."""
    scheme, width = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield page
    page.close()


@pytest.mark.parametrize("name", names)
def test_a_page_is_readable_and_fetches_nothing(page: Page, folder: Path, name: str) -> None:
    """No element is wider than the window, all text stands out, and the console is quiet."""
    requests: list[str] = []
    messages: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    address = (folder / name).as_uri()

    page.goto(address)
    page.wait_for_load_state("networkidle")

    assert [address] == requests
    assert [] == messages
    assert [] == page.evaluate(wider_than_the_window)
    ratio, element = page.evaluate(least_contrast)
    assert ratio >= 4.5, element


def test_links_lead_from_page_to_page_and_to_the_files(browser: Browser, folder: Path) -> None:
    """From all models to a model to a report, and on to its Parquet file."""
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())

    page.get_by_role("link", name="hostile").click()
    page.get_by_role("link", name="report").first.click()

    assert page.url == (folder / names[0]).as_uri()
    target: Any = page.get_by_role("link", name="Samples as Parquet").evaluate("link => link.href")
    assert Path(target.removeprefix("file://")).exists()
    page.get_by_role("link", name="All models").click()
    assert page.url == (folder / "index.html").as_uri()
    page.close()


def test_a_printed_page_has_a_white_ground(browser: Browser, folder: Path) -> None:
    """Whatever the screen has, and nothing is cut at the right."""
    page = browser.new_page(viewport={"width": 720, "height": 1000}, color_scheme="dark")
    page.goto((folder / names[0]).as_uri())
    page.emulate_media(media="print")

    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert "rgb(255, 255, 255)" == ground
    assert [] == page.evaluate(wider_than_the_window)
    assert page.evaluate(least_contrast)[0] >= 4.5
    page.close()
