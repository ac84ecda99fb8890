"""The `score` flow: rows of a text, with what surprises the model in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from flows.command_line.entry import run
from flows.display.artifacts import artifact_key
from flows.exceptions import CorpusError, OptionConflict, UnknownObject
from flows.parameters import ReadingOptions, ScoringOptions
from flows.retrain import retrain
from flows.score import score
from flows.score_result import ScoreResult
from flows.tasks import score_text
from tests.support.artifacts import newest_artifact

Score = Callable[..., ScoreResult]
foreign = "xylophone jazz vexes quick fjord wizards"


@pytest.fixture
def scored(store: Path, options: Callable[..., dict[str, Any]], tmp_path: Path) -> Score:
    """Scores a text, given as it is, with a trained model."""
    retrain(**options())

    def make(text: str, *, reading: dict[str, Any] | None = None, **scoring: Any) -> ScoreResult:
        file = tmp_path / "scored.txt"
        file.write_bytes(text.encode())
        found = score(
            corpus=str(file),
            reading=ReadingOptions(**reading or {}),
            scoring=ScoringOptions(**scoring),
            store=str(store),
        )
        return cast("ScoreResult", found)

    return make


def rows(found: ScoreResult) -> list[dict[str, Any]]:
    """The rows of a file of scores."""
    table: list[dict[str, Any]] = pq.read_table(found.score_url).to_pylist()
    return table


def test_a_line_is_a_row_and_an_empty_one_is_none(scored: Score) -> None:
    """Numbers and offsets are those of an editor; the last line needs no line feed."""
    found = rows(scored("the tide\n\nthe lamp\nthe keeper"))

    assert [1, 3, 4] == [row["number"] for row in found]
    assert [0, 10, 19] == [row["start"] for row in found]
    assert ["the tide", "the lamp", "the keeper"] == [row["text"] for row in found]
    assert [8, 8, 10] == [row["characters"] for row in found]


def test_a_surprising_line_is_an_alert_with_an_event_and_a_state(
    scored: Score, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Path
) -> None:
    """Its row, its span and the event name it."""
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(score_text, "emit_event", lambda name, **e: emitted.append(e | {"": name}))
    found = scored(f"{text}{foreign}\n", threshold=4.0)
    file = str(tmp_path / "scored.txt")
    state = score(
        corpus=file, store=str(store), scoring=ScoringOptions(threshold=4.0), return_state=True
    )

    (worst, *_) = found.worst
    assert (foreign, 141, 1) == (worst.text, worst.number, found.surprising)
    assert worst.span in foreign
    assert ("Surprising", True) == (state.name, state.is_completed())
    assert "text.surprising" == emitted[0][""]
    assert {"prefect.resource.id": f"text.{found.score_id}.default"} == emitted[0]["resource"]
    payload = json.loads(json.dumps(emitted[0]["payload"]))
    assert (1, found.score_url) == (payload["surprising"], payload["score_url"])
    assert 141 == payload["worst"][0]["number"]


def test_a_text_like_the_training_text_is_no_alert(scored: Score, text: str) -> None:
    """The threshold comes from held-out text, and is told."""
    found = scored(text)

    assert found.threshold_is_derived
    assert found.threshold is not None
    assert not found.is_alert


def test_the_same_text_is_scored_once(scored: Score, text: str) -> None:
    """The second request finds the file of the first, not changed in a byte."""
    first = scored(text)
    before = Path(first.score_url).stat()
    again = scored(text)

    assert first == again
    assert before.st_mtime_ns == Path(again.score_url).stat().st_mtime_ns


def test_unknown_characters_are_counted_and_cost_nats(scored: Score) -> None:
    """One that the model does not know costs at least the nats of a probability of 1/1000."""
    known, unknown = rows(scored("the tide\nthe t文de\n"))

    assert [0, 1] == [known["unknown"], unknown["unknown"]]
    more = 9 * (unknown["nats_per_character"] - known["nats_per_character"])
    assert more > 3
    assert "文" in unknown["span"]


@pytest.mark.parametrize(
    ("empty", "message"),
    [("", "is empty"), ("\n\n\n", "no row with a character")],
)
def test_a_text_without_a_row_is_refused(
    scored: Score, empty: str, message: str, store: Path
) -> None:
    """Nothing of it is left in the store."""
    with pytest.raises(CorpusError, match=message):
        scored(empty)

    assert not list(store.rglob("reports/scores/**/*"))


def test_invalid_bytes_are_named_with_their_offset(
    scored: Score, store: Path, tmp_path: Path
) -> None:
    """And nothing is left in the store."""
    scored("the tide\n")
    before = sorted(store.rglob("*"))
    file = tmp_path / "broken.txt"
    file.write_bytes(b"the tide\nthe \xff lamp\n")

    with pytest.raises(CorpusError, match=r"byte offset 13 \(0xff\)"):
        score(corpus=str(file), store=str(store))

    assert before == sorted(store.rglob("*"))


def test_the_page_of_the_run_shows_the_rows_as_code(scored: Score, store: Path) -> None:
    """A picture in a text is not fetched by who looks at the page."""
    scored("the tide ![](http://example.org/x.png) | `\n")

    page = str(newest_artifact(artifact_key("scores", str(store), "default")).data)

    assert "| `` the tide ![](http://example.org/x.png) \\x7c ` `` |" in page


def test_an_unknown_version_is_refused(scored: Score, corpus: Path, store: Path) -> None:
    """So is a version together with a run."""
    scored("the tide\n")

    with pytest.raises(UnknownObject, match="no version 7"):
        score(corpus=str(corpus), store=str(store), version=7)
    with pytest.raises(OptionConflict, match="give one of them"):
        score(corpus=str(corpus), store=str(store), version=0, run_id="0" * 16)


def test_a_row_of_a_column_is_a_document(scored: Score) -> None:
    """Also one of several lines."""
    table = json.dumps({"t": "the tide\nthe lamp"}) + "\n" + json.dumps({"t": "the keeper"}) + "\n"

    found = rows(scored(table, reading={"corpus_column": "t"}, unit="document"))

    assert ["the tide\nthe lamp", "the keeper"] == [row["text"] for row in found]


def test_the_command_prints_the_result_as_json(
    scored: Score, corpus: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its dry run says what would be scored."""
    scored("the tide\n")
    arguments = ["--corpus", str(corpus), "--store", str(store)]
    assert 0 == run(score, [*arguments, "--dry_run"])
    assert "to be written" in capsys.readouterr().out

    assert 0 == run(score, [*arguments, "--json", "--threshold", "0"])
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert (printed["rows"], True) == (printed["surprising"], printed["is_alert"])
