"""What a run shows in the Prefect UI."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from flows.display import reading
from flows.display.artifacts import artifact_key
from flows.display.reading import ReadingProgress
from flows.lifecycle.choosing import promote_by_hand
from flows.registry import registry
from flows.storage.canonical import digest
from flows.storage.stores import open_store
from flows.text.markdown import code_block, code_span, wrapped
from tests.support.artifacts import newest_artifact
from tests.support.decisions import decided
from tests.support.flows import retrained

Options = Callable[..., dict[str, Any]]


def test_run_writes_a_page_with_picture_table_and_samples(options: Options, store: Path) -> None:
    """The markdown artifact shows decision, loss curve, metrics, a sample of each temperature."""
    outcome = retrained(options(model="painted"))

    page = str(newest_artifact(artifact_key("retrain", str(store), "painted")).data)
    picture = page.split("data:image/png;base64,")[1].split(")", maxsplit=1)[0]
    assert "**` promoted as version 0: there was no champion `**" in page
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert f"{outcome.train_bits_per_character:.3f} bits per character" in page
    for temperature in ("0.5", "0.8", "1"):
        assert f"### Temperature {temperature}\n" in page
    for name, address in (("checkpoint", outcome.checkpoint_url), ("report", outcome.report_url)):
        assert f"{name}:\n```text\n{address}\n```" in page


def test_the_page_belongs_to_the_flow_run_alone(options: Options, store: Path) -> None:
    """The older UI lists no artifacts of tasks."""
    retrained(options(model="listed"))

    artifact = newest_artifact(artifact_key("retrain", str(store), "listed"))
    assert artifact.flow_run_id
    assert artifact.task_run_id is None


def test_run_writes_its_progress(options: Options, store: Path) -> None:
    """The progress artifact of a finished run is at 100."""
    retrained(options(model="counted"))

    assert (
        float(str(newest_artifact(artifact_key("progress", str(store), "counted")).data)) == 100.0
    )


def test_the_reading_of_a_corpus_writes_its_progress(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a key that is valid whatever the corpus is called."""
    monkeypatch.setattr(reading, "every_seconds", 0.0)

    @flow
    def read() -> None:
        progress = ReadingProgress(str(store), ("/a folder/of_texts.txt",))
        progress.size = 50_000_000
        progress(50_000_000)
        progress.finish()

    read()

    key = artifact_key("reading", str(store), digest(b"/a folder/of_texts.txt")[:16])
    assert float(str(newest_artifact(key).data)) == 100.0


def test_run_shows_the_first_samples_of_its_report(options: Options, store: Path) -> None:
    """By temperature, in code blocks whose lines are not cut; and where its files are."""
    outcome = retrained(options(model="tabled", sampling={"length": 200}))

    page = str(newest_artifact(artifact_key("samples", str(store), "tabled")).data)
    shown = re.findall(r"number \d+:\n```text\n(.*?)\n```", page, re.DOTALL)
    assert ["0.5", "0.8", "1"] == re.findall("### Temperature (.*)", page)
    assert 9 == len(shown)
    assert 60 >= max(len(line) for text in shown for line in text.split("\n"))
    assert outcome.page_url
    for name, address in (("page", outcome.page_url), ("report", outcome.report_url)):
        assert f"{name}:\n```text\n{address}\n```" in page
        assert Path(str(address)).exists()


def test_a_long_line_of_a_sample_is_broken_and_nothing_of_it_is_lost() -> None:
    """After a space where there is one."""
    text = "two words " * 12 + "x" * 150 + "\n\n end"

    broken = wrapped(text)

    assert text.replace("\n", "") == broken.replace("\n", "")
    assert 60 >= max(map(len, broken.split("\n")))
    assert broken.startswith("two words " * 6 + "\n")


def test_fence_holds_any_text() -> None:
    """Backticks in a sample do not end its code block."""
    block = code_block("a ``` b ```` c")

    assert block.startswith("`````text\n")
    assert block.endswith("\n`````")


def test_a_code_span_holds_any_text() -> None:
    """Backticks do not end it, and no line ends: a paragraph ends with a blank line."""
    assert "``` a ` b `` \\n\\n![](http://c) ```" == code_span("a ` b `` \n\n![](http://c)")


def test_a_models_page_is_drawn_again_each_night(options: Options, store: Path) -> None:
    """Champion over the nights, what holds now, every decision with its reason."""
    outcome = retrained(options(model="told"))

    page = str(newest_artifact(artifact_key("model", str(store), "told")).data)
    assert base64.b64decode(page.split("base64,")[1].split(")", maxsplit=1)[0]).startswith(
        b"\x89PNG"
    )
    assert f"` {outcome.reason} `" in page
    assert "| vocabulary | ` " in page


def test_a_models_page_shows_text_as_it_is(store: Path) -> None:
    """A note is no Markdown, and ends no cell."""
    decided(open_store(str(store)), "rp", "noted")
    note = "![x](http://127.0.0.1/) | `a` <b>"
    promote_by_hand(open_store(str(store)), "noted", 0, note)

    registry(action="page", model="noted", store=str(store))

    page = str(newest_artifact(artifact_key("model", str(store), "noted")).data)
    assert (
        f"`` version 0 was promoted by hand; note: {note.replace('|', chr(92) + 'x7c')} ``" in page
    )


def test_keys_name_the_store_unless_it_is_the_default() -> None:
    """However the default is spelled; so dev and prod do not mix."""
    spelled = ("data/store", "./data/store", str(Path("data/store").absolute()))
    stores = ("s3://dev/store", "s3://prod/store", "s3://prod/store/", "/srv/store")

    assert {"model-kjv"} == {artifact_key("model", store, "kjv") for store in spelled}
    dev, prod, same, local = [artifact_key("model", store, "kjv") for store in stores]
    assert prod == same
    assert 3 == len({dev, prod, local})
    assert all(re.fullmatch("model-kjv-[0-9a-f]{8}", key) for key in (dev, prod, local))
