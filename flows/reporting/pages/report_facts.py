"""What a report's page says in numbers: learning, likelihood, copying, origin and vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.reporting.character_chart import character_chart_svg, label_of
from flows.reporting.pages import markup
from flows.reporting.pages.charts import Series, bar_chart, line_chart
from flows.reporting.pages.markup import Cell
from flows.reporting.pages.report_story import ReportStory
from flows.reporting.pages.summary_of_rows import Summary
from flows.reporting.story import minute

shown_characters = 400  # of a vocabulary
shown_addresses = 20  # of a corpus
# Columns of a summary, in the words of the page.
likelihood = {
    "samples": "Samples",
    "characters": "Characters",
    "nats_per_character": "Nats per character",
    "nats_p10": "10 % have at most",
    "nats_p50": "Half have at most",
    "nats_p90": "90 % have at most",
}
copying = {
    "copied_10": "Copied, 10 characters",
    "copied_20": "20 characters",
    "copied_40": "40 characters",
    "longest_copied": "Longest copied",
    "words_in_corpus": "Words in the text",
    "distinct_1": "Distinct words",
    "distinct_2": "Distinct pairs",
    "repetition": "Repetition",
}
shares = {
    *("copied_10", "copied_20", "copied_40", "distinct_1", "distinct_2"),
    *("words_in_corpus", "repetition"),
}


def learning(story: ReportStory) -> Iterator[str]:
    """The loss curve of the run, with the entropies of its text."""
    yield "<h2>Learning</h2>"
    records = story.records
    training = [(r.iteration, r.loss / math.log(2)) for r in records if r.loss is not None]
    held_out = [
        (r.iteration, r.held_out_bits_per_character)
        for r in records
        if r.iteration and r.held_out_bits_per_character is not None
    ]
    if not training and not held_out:
        yield "<p>The records of its run are gone, or have no losses.</p>"
        return
    best = [min(held_out, key=lambda point: point[1])] if held_out else []
    levels = {f"order {order}: {value:.2f}": value for order, value in story.entropies.items()}
    yield line_chart(
        [
            Series("training text, mean since the checkpoint before", "blue", training),
            Series("held-out text", "red", held_out),
            *(Series(f"best, {y:.3f}", "red", [(x, y)], "dots") for x, y in best),
        ],
        levels,
        x_name="iteration",
        y_name="bits per character",
    )
    if levels:
        yield '<p class="note">Dotted: entropies of the text, given so many characters.</p>'


def numbers(story: ReportStory) -> Iterator[str]:
    """Likelihood, copying and variety by temperature, each as a table and a picture."""
    found = story.summaries
    if not found:
        return
    yield "<h2>Likelihood</h2>"
    yield _table(likelihood, [(f"{row['temperature']:g}", row) for row in found])
    yield from _likelihood(found)
    if any(row.get(name) is not None for row in found for name in copying):
        held_out = {name: found[0].get(f"held_out_{name}") for name in copying}
        rows = [*((f"{row['temperature']:g}", row) for row in found), ("held-out text", held_out)]
        yield "<h2>Copying and variety</h2>"
        yield '<p class="note">Shares of what stands in the training text, and of what differs.</p>'
        yield _table(copying, rows)
        yield from _copied(found)


def _table(columns: Mapping[str, str], rows: Sequence[tuple[str, Summary]]) -> str:
    """The columns that any row has, by temperature."""
    known = [name for name in columns if any(row.get(name) is not None for _, row in rows)]
    cells: list[list[str | Cell]] = [
        [label, *(_value(row, name) for name in known)] for label, row in rows
    ]
    return markup.table(("Temperature", *map(columns.__getitem__, known)), cells)


def _likelihood(found: Sequence[Summary]) -> Iterator[str]:
    """Where most samples of each temperature lie."""
    names = ("nats_p10", "nats_per_character", "nats_p90")
    bars = [(_at(row), *(row[name] for name in names)) for row in found]
    if all(math.isfinite(value) for _, *values in bars for value in values):
        yield bar_chart(bars, "Nats per character: mean, and the middle four fifths of the samples")


def _at(row: Summary) -> str:
    return f"temperature {row['temperature']:g}"


def _copied(found: Sequence[Summary]) -> Iterator[str]:
    """How much stands in the training text, beside what any text of the kind has."""
    copied = {_at(row): row.get("copied_20") for row in found}
    copied["held-out text"] = found[0].get("held_out_copied_20")
    bars = [
        (name, 0.0, 100 * share, 100 * share) for name, share in copied.items() if share is not None
    ]
    if bars:
        yield bar_chart(bars, "Substrings of 20 characters that stand in the training text, %")


def _value(row: Mapping[str, Any], name: str) -> Cell:
    value = row.get(name)
    if value is None:
        return markup.number("-")
    if name in shares:
        return markup.number(f"{value:.1%}")
    return markup.number(f"{value:,}" if isinstance(value, int) else f"{value:.3f}")


def origin(story: ReportStory) -> Iterator[str]:
    """Checkpoint, run, dataset, corpus, and the versions that it goes back to."""
    first, record, run = story.first, story.checkpoint, story.run
    version = story.decision.entry.version if story.decision else None
    corpus = record.corpus if record else version.corpus if version else ()
    shown, more = corpus[:shown_addresses], len(corpus) - shown_addresses
    yield "<h2>Where it comes from</h2>"
    rows: dict[str, str | Cell] = {
        "report": markup.code(f"{story.report_id} of {_time(first.get('created_at'))}"),
        "checkpoint": markup.code(first["checkpoint_digest"]),
        "run": markup.code(first["run_id"]),
        "dataset": markup.code(str(first.get("dataset_id", "unknown"))),
        "corpus": markup.paragraphs([*shown, *([f"and {more:,} more"] if more > 0 else [])]),
        "started from": _ancestors(story),
    }
    if run:
        rows["network"] = ", ".join(
            f"{name} {value}" for name, value in run.hyperparameters.items()
        )
    if record:
        libraries = ", ".join(f"{name} {value}" for name, value in record.versions.items())
        rows |= {"computed on": record.cpu, "with": libraries, "commit": record.commit or "unknown"}
    yield markup.facts(rows)


def _time(found: datetime | None) -> str:
    return minute(found.isoformat()) if found else "an unknown time"


def _ancestors(story: ReportStory) -> str:
    parents = [f"version {e.number} (run {e.version.run_id})" for e in story.ancestors]
    unknown = story.run is not None and story.run.parent is not None
    return ", which started from ".join(parents) or (
        "a checkpoint without a version" if unknown else "new weights"
    )


def vocabulary(story: ReportStory) -> Iterator[str]:
    """Its characters with their shares, or else their list."""
    yield "<h2>Vocabulary</h2>"
    if profile := story.profile:
        yield f'<figure class="chart wide">{character_chart_svg(profile)}</figure>'
        counted = {c.character: c.count for c in (*profile.frequent, *profile.rare)}
        labels = [f"{label_of(c)} {n / profile.characters:.3%}" for c, n in counted.items()]
        number = profile.distinct_characters
    else:
        labels, number = [label_of(c) for c in story.characters], len(story.characters)
    if not labels:
        yield "<p>The dataset was removed.</p>"
        return
    shown = labels[:shown_characters]
    yield f'<p class="note">{len(shown):,} of {number:,} characters.</p>'
    chips = "".join(f"<span><bdi>{markup.text(label)}</bdi></span>" for label in shown)
    yield f'<p class="characters">{chips}</p>'
