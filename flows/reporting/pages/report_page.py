"""The page of a report as HTML: samples side by side, learning, likelihood, origin, decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from flows.reporting.addresses import index_path, model_page_path, relative, report_page_path
from flows.reporting.pages import markup
from flows.reporting.pages.excerpt import Group, Sample, most_characters
from flows.reporting.pages.model_page import drawn_on, replace_page
from flows.reporting.pages.report_facts import learning, numbers, origin, vocabulary
from flows.reporting.pages.report_story import ReportStory, report_story
from flows.reporting.story import bits, decided, minute
from flows.storage.report_files import is_there, summary_folder
from flows.storage.stores import Store

shown_files = 5
shown_priming = 300  # characters
texts = {"new": "new text", "champion": "champion's text", "oldest": "oldest champion's text"}


def write_report_page(store: Store, model: str, report_id: str) -> str:
    """Draw the page of a report and put it in the place of the one before; where it is."""
    path = report_page_path(model, report_id)
    replace_page(store, path, html(report_story(store, model, report_id), datetime.now(UTC)))
    return store.location(path)


def find_page(store: Store, model: str, report_id: str) -> str | None:
    """Where the page of a report is, if it was drawn."""
    path = report_page_path(model, report_id)
    return store.location(path) if is_there(store, path) else None


def html(story: ReportStory, now: datetime) -> bytes:
    """The whole page; whatever comes from a text, a record, a name or a person is escaped."""
    parts = (partial(_top, now), _samples, _versions, learning, numbers, origin, vocabulary)
    title = f"Samples of model {story.model}"
    return markup.document(title, [p for part in parts for p in part(story)])


def _link(story: ReportStory, shown: str, path: str) -> str:
    """A link from the report's page to another object of the store."""
    return markup.link(shown, relative(path, report_page_path(story.model, story.report_id))).html


def _top(now: datetime, story: ReportStory) -> Iterator[str]:
    """Where this is, what it is about, and what was decided."""
    models = _link(story, "All models", index_path)
    model = _link(story, f"Model {story.model}", model_page_path(story.model))
    yield f"<nav>{models} / {model} / report {markup.text(story.report_id)}</nav>"
    iteration = story.first.get("iteration", 0)
    yield f"<h1>Samples of model {markup.text(story.model)} at iteration {iteration:,}</h1>"
    yield drawn_on(now)
    if night := story.decision:
        shown = markup.words(f"Version {night.entry.number}, {decided(night)}", night.decision)
        why = markup.paragraphs(night.remarks)
        yield f"<p><strong>{shown.html}</strong> on {markup.text(minute(night.entry.time))}</p>"
        yield f"<p>{why.html}</p>"
        yield from _comparisons(story)
    else:
        yield "<p>Nothing was decided about its checkpoint.</p>"
    for path in story.files[:shown_files]:
        yield f"<p>{_link(story, _kind(path), path)}: <code>{markup.text(path)}</code></p>"
    if (more := len(story.files) - shown_files) > 0:
        yield f"<p>And {more:,} more.</p>"


def _kind(path: str) -> str:
    return "Summary as Parquet" if path.startswith(summary_folder) else "Samples as Parquet"


def _comparisons(story: ReportStory) -> Iterator[str]:
    """How it compares with champions before, by the text that both read."""
    if story.decision and (found := story.decision.entry.version.comparisons):
        yield markup.table(
            ("Text held out", "Compared with", "Bits per character", "The other's", "Better by"),
            (
                [
                    texts[one.text],
                    f"version {one.version}",
                    markup.number(bits(one.bits_per_character)),
                    markup.number(bits(one.other_bits_per_character)),
                    markup.number(_gain(one.gain, one.standard_error)),
                ]
                for one in found
            ),
        )


def _gain(gain: float, error: float | None) -> str:
    return f"{gain:+.3f}" if error is None else f"{gain:+.3f} ± {error:.3f}"


def _samples(story: ReportStory) -> Iterator[str]:
    """Side by side by temperature, for each priming text and seed; then the training's snapshots."""
    excerpt = story.excerpt
    yield "<h2>Samples by temperature</h2>"
    yield f'<p class="note">{excerpt.shown:,} of {story.samples:,} samples. {_drawn(story)}</p>'
    for group in excerpt.groups:
        if excerpt.all_groups > 1:
            yield f"<h3>Seed {group.seed}, after {markup.text(_short(group.priming)) or 'no text'}</h3>"
        for place in range(max(map(len, group.samples.values()))):
            yield from _cards(_row(group, place))
    if excerpt.snapshots:
        yield "<h3>During training, from its own hidden state</h3>"
        yield from _cards((f"iteration {one.row['iteration']:,}", one) for one in excerpt.snapshots)


def _row(group: Group, place: int) -> Iterator[tuple[str, Sample]]:
    """One sample of a group at each temperature."""
    for at, some in group.samples.items():
        if place < len(some):
            yield f"temperature {at:g}, number {some[place].row['sample_number']}", some[place]


def _cards(samples: Iterable[tuple[str, Sample]]) -> Iterator[str]:
    yield '<div class="cards">'
    for name, sample in samples:
        row, text = sample.row, markup.block(sample.text, _short(sample.row["priming"]))
        cut = f", the first {most_characters:,} of {row['characters']:,}" if sample.is_cut else ""
        nats = f"{row['nats_per_character']:.3f} nats per character"
        yield f"<figure><figcaption>{markup.text(name)}: {nats}{cut}</figcaption>{text}</figure>"
    yield "</div>"


def _short(priming: str) -> str:
    """The end of a priming text: the sample goes on from there."""
    return priming if len(priming) <= shown_priming else f"… {priming[-shown_priming:]}"


def _drawn(story: ReportStory) -> str:
    """What else the samples depend on."""
    row = next(
        (s.row for g in story.excerpt.groups for some in g.samples.values() for s in some), {}
    )
    said = ["Grey is the text that the network read first."]
    if (most := row.get("top_k")) is not None:
        said.append(f"Drawn from the {most:,} likeliest characters.")
    if (share := row.get("top_p", 1.0)) < 1:
        said.append(f"Drawn from the likeliest characters with a probability of {share:g}.")
    if row.get("hidden_state") == "training":
        said.append("They start from the hidden state of the training.")
    return " ".join(said)


def _versions(story: ReportStory) -> Iterator[str]:
    """The same draw by the last champions, for each temperature."""
    yield "<h2>The same samples by other champions</h2>"
    own, *others = story.versions
    if not others:
        yield "<p>No other champion has a report with the same options.</p>"
        return
    yield '<p class="note">With the same random numbers, priming text and options.</p>'
    for at in own.samples:
        told = [(one.name, one.samples[at]) for one in story.versions if at in one.samples]
        if len(told) > 1:
            yield f"<h3>Temperature {at:g}</h3>"
            yield from _cards(told)
