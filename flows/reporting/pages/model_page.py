"""The page of a model as HTML, drawn from the store: it needs no server, no script and no network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from flows.reporting.addresses import index_path, model_page_path, relative, report_page_path
from flows.reporting.pages import markup
from flows.reporting.pages.charts import Series, line_chart
from flows.reporting.pages.markup import Cell
from flows.reporting.story import Night, Story, bits, decided, minute, story_of
from flows.storage import bounds
from flows.storage.stores import Store

shown_nights = 1000
colours = {"promoted": "green", "rejected": "red", "rolled_back": "amber"}  # of decisions
columns = (
    *("Record", "Time", "Decision", "Bits per character"),
    *("Champion after it", "Sum of losses", "Why", "Samples"),
)


def write_page(store: Store, model: str, *, dry_run: bool = False) -> str:
    """Draw the page of a model and put it in the place of the one before; where it is."""
    story, path = story_of(store, model), model_page_path(model)
    if not dry_run:
        replace_page(store, path, html(story, datetime.now(UTC)))
    return store.location(path)


def replace_page(store: Store, path: str, data: bytes) -> None:
    """Put a page in the place of the one before."""
    bounds.check(store.location(path), len(data), bounds.page)
    store.replace(path, data)


def html(story: Story, now: datetime) -> bytes:
    """The whole page; whatever comes from a record, a file's name or a person is escaped."""
    return markup.document(f"Model {story.model}", _parts(story, now))


def drawn_on(now: datetime) -> str:
    """When a page was drawn, in a paragraph."""
    return f'<p class="note">Drawn from the store on {minute(now.isoformat())}.</p>'


def champion_curve(story: Story) -> str:
    """The champion's bits per character over the nights, and each version's."""
    nights = story.nights[::-1]
    line = [(n.time.timestamp(), n.champion_bits) for n in nights if n.champion_bits is not None]
    dots = [
        Series(name.replace("_", " "), colour, _dots(story, name), "dots")
        for name, colour in colours.items()
    ]
    levels = {f"order {order}: {value:.2f}": value for order, value in story.entropies.items()}
    return line_chart(
        [Series("champion", "blue", line, "steps"), *dots],
        levels,
        x_name="day",
        y_name="bits per character on the own held-out text",
        is_time=True,
    )


def _dots(story: Story, decision: str) -> list[tuple[float, float]]:
    return [
        (night.time.timestamp(), found)
        for night in story.nights[::-1]
        if night.decision == decision
        and night.entry.version.decision != "rolled_back"
        and (found := night.entry.version.bits_per_character) is not None
    ]


def _parts(story: Story, now: datetime) -> Iterator[str]:
    path = model_page_path(story.model)
    yield f"<nav>{markup.link('All models', relative(index_path, path)).html}</nav>"
    yield f"<h1>Model {markup.text(story.model)}</h1>"
    yield drawn_on(now)
    yield champion_curve(story)
    if story.entropies:
        yield '<p class="note">Dotted: entropies of the text, given so many characters.</p>'
    yield "<h2>Now</h2>"
    yield markup.facts(story.lines())
    yield "<h2>Decisions</h2>"
    yield markup.table(columns, (_row(story, night) for night in story.nights[:shown_nights]))
    if (more := len(story.nights) - shown_nights) > 0:
        yield f"<p>And {more:,} before.</p>"


def _row(story: Story, night: Night) -> list[str | Cell]:
    """A decision as a row of the table."""
    number, time, version = night.entry
    report = story.reports.get((version.run_id, version.digest))
    page = report and relative(report_page_path(story.model, report), model_page_path(story.model))
    return [
        f"{number}",
        minute(time),
        markup.words(decided(night), night.decision),
        markup.number(bits(version.bits_per_character)),
        "-" if night.champion is None else f"version {night.champion}",
        markup.number(bits(version.lost_bits)),
        markup.paragraphs(night.remarks),
        markup.link("report", page) if page else "-",
    ]
