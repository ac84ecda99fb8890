"""What Prefect's UI shows of a dataset."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import prefect
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.display import reading
from flows.display.artifacts import artifact_key
from flows.display.dataset_page import page_lines, shown_files
from flows.lifecycle.profiling import profile_of
from flows.references import DatasetRef, ProfileRef
from flows.storage.datasets import tokenise
from flows.storage.profiles import ProfiledFile, entropies_of
from flows.storage.stores import open_store
from flows.tasks.profile_dataset import profile_dataset
from tests.support.states import stored, text

hostile = "![x](http://127.0.0.1/) | `a`\n\n# b \x1b<img>"


def page(text: str, *files: ProfiledFile) -> str:
    return "\n".join(page_lines(profile_of(tokenise([text]), files), "<svg/>"))


def test_a_page_has_numbers_entropies_and_files() -> None:
    found = page("ab\nc" * 500, ProfiledFile(name="a.txt", characters=2000))

    for expected in (
        "| characters | ` 2,000 ` |",
        "| lines | ` 501 ` |",
        "| 0 | 2.000 | each character is drawn by its frequency alone | the whole text |",
        "| 3 | 0.000 | the three characters before it are known | the whole text |",
        "1 of 1 files without problems.",
    ):
        assert expected in found


def test_text_from_outside_is_shown_as_it_is() -> None:
    """Names, problems and characters are no Markdown, and end no cell."""
    file = ProfiledFile(name=hostile, characters=3, problems=(hostile,))
    found = page("|`|`<\x1b\u202e|\n" * 9, file)

    row = next(line for line in found.split("\n") if "127.0.0.1" in line)
    shown = "`` ![x](http://127.0.0.1/) \\x7c `a`\\n\\n# b \\x1b<img> ``"
    assert f"| {shown} | 3 | {shown} |" == row
    assert not re.search("[\x1b\u202e]", found)


def test_only_some_files_are_listed() -> None:
    files = [
        ProfiledFile(name=f"{k}.txt", characters=1, problems=("NUL",))
        for k in range(shown_files + 2)
    ]

    assert "And 2 more with problems" in page("abc", *files)


def test_the_task_measures_once_and_shows_each_time(store: Path) -> None:
    opened = open_store(str(store))
    dataset = stored(opened, text).manifest
    ref = DatasetRef(
        store=str(store), dataset_id=dataset.dataset_id, url="", corpus=("a.txt",),
        characters=dataset.characters, vocabulary_size=dataset.vocabulary_size,
    )  # fmt: skip

    @prefect.flow(persist_result=False)
    def profiled() -> list[ProfileRef]:
        odd = ProfiledFile(name="a.txt", characters=len(text), problems=("NUL twice",))
        return [
            profile_dataset(ref.model_copy(update={"files": (odd,)})),
            profile_dataset(ref),
        ]

    first, second = profiled()

    assert first == second
    assert entropies_of(opened, dataset.dataset_id) == first.entropies
    key = artifact_key("dataset", str(store), dataset.dataset_id)
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )
    assert 2 == len(found)
    for artifact in found:
        shown = str(artifact.data)
        assert "` NUL twice `" in shown
        picture = shown.split("base64,")[1].split(")", maxsplit=1)[0]
        assert base64.b64decode(picture).startswith(b"<svg ")


def test_a_long_reading_is_shown_whatever_the_name_of_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of artifacts are of few characters, addresses of all."""
    monkeypatch.setattr(reading, "every_seconds", 0.0)
    monkeypatch.setattr(reading, "shown_from", 0)
    found: list[object] = []

    @prefect.flow
    def read() -> None:
        progress = reading.ReadingProgress(str(tmp_path), (f"{tmp_path}/Ä b.txt",))
        progress.size = 100
        progress(50)
        monkeypatch.setattr(reading, "patience_seconds", 20.0)  # as long as it may take to send
        progress.finish()
        with get_client(sync_client=True) as client:
            shown = client.read_artifacts(
                artifact_filter=ArtifactFilter(key=ArtifactFilterKey(like_="reading-%"))
            )
        found.extend(artifact.data for artifact in shown)

    read()
    assert {100.0} == set(found)
