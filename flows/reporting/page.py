"""The page of a model as HTML, drawn from the store: it needs no server, no script and no network."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from html import escape

from flows.reporting.curve import champion_curve_png
from flows.reporting.story import Night, Story, bits, minute, story_of
from flows.storage import bounds
from flows.storage.names import derived_folder
from flows.storage.stores import Store
from flows.visible import visible

shown_nights = 1000

style = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #24292f; background: #fbfbf9; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #d8dee4; }
td { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
.promoted { color: #1a7f37; } .rejected { color: #c4314b; } .rolled_back { color: #8b5a00; }
"""


def page_path(model: str) -> str:
    """Path of a model's page in the store."""
    return f"{derived_folder}/{model}.html"


def write_page(store: Store, model: str, *, dry_run: bool = False) -> str:
    """Draw the page of a model and put it in the place of the one before; where it is."""
    story, path = story_of(store, model), page_path(model)
    if not dry_run:
        data = html(story, champion_curve_png(story), datetime.now(UTC)).encode()
        bounds.check(store.location(path), len(data), bounds.page)
        store.replace(path, data)
    return store.location(path)


def html(story: Story, picture: bytes, now: datetime) -> str:
    """The whole page; whatever comes from a record, a file's name or a person is escaped."""
    title, encoded = f"Model {story.model}", base64.b64encode(picture).decode()
    facts = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>\n'
        for name, value in story.lines().items()
    )
    nights = "".join(map(_row, story.nights[:shown_nights]))
    more = len(story.nights) - shown_nights
    rest = f"<p>And {more:,} before.</p>\n" if more > 0 else ""
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{_text(title)}</title>
<style>{style}</style>
</head>
<body>
<h1>{_text(title)}</h1>
<p>Drawn from the store on {_text(minute(now.isoformat()))}.</p>
<img alt="The champion's bits per character over the nights"
     src="data:image/png;base64,{encoded}">
<h2>Now</h2>
<table>
{facts}</table>
<h2>Decisions</h2>
<table>
<tr><th scope="col">Record</th><th scope="col">Time</th><th scope="col">Decision</th>
<th scope="col">Bits per character</th><th scope="col">Champion after it</th>
<th scope="col">Sum of losses</th><th scope="col">Why</th></tr>
{nights}</table>
{rest}</body>
</html>
"""


def _row(night: Night) -> str:
    """A decision as a row of the table."""
    number, time, version = night.entry
    champion = "-" if night.champion is None else f"version {night.champion}"
    why = "<br>".join(map(_text, night.remarks))
    return (
        f'<tr><td class="number">{number}</td><td>{_text(minute(time))}</td>'
        f'<td class="{night.decision}">{_text(decided(night))}</td>'
        f'<td class="number">{bits(version.bits_per_character)}</td><td>{champion}</td>'
        f'<td class="number">{bits(version.lost_bits)}</td><td>{why}</td></tr>\n'
    )


def decided(night: Night) -> str:
    """A decision in words: what it was, by whom, and what became of it."""
    version = night.entry.version
    if version.decision == "rolled_back":
        return f"rolled back to version {version.to_version}"
    by_hand = " by hand" if version.decided_by == "hand" else ""
    since = ", rolled back since" if night.decision != version.decision else ""
    return f"{version.decision}{by_hand}{since}"


def _text(text: str) -> str:
    """`text` as HTML shows it, without characters that could change how it is shown."""
    return escape(visible(text))
