"""An export is a whole folder or none: the same again changes nothing, anything else is refused."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.exceptions import ObjectExists, StoreError, UnknownObject
from flows.lifecycle.choosing import promote_by_hand, roll_back
from flows.reporting.exports.export import Exported, export_version
from flows.storage.checkpoints import CheckpointLog
from flows.storage.log import Log
from flows.storage.profiles import EntropyEntry, Profile, save_profile
from flows.storage.retirement import Retirement, remove_payloads, retirement
from flows.storage.runs import run_folder
from flows.storage.stores import Store, open_store
from flows.storage.versions import Comparison, Copied
from tests.support.decisions import decided
from tests.support.states import evaluation_of
from tests.support.stores import StoreWrapper, in_parallel, overwrite, reopened

files = ["README.md", "model.onnx", "model.safetensors", "vocabulary.json"]
pytest.importorskip("onnx", reason="needs pip install -e '.[dev]'")


def contents(store: Store, folder: str) -> dict[str, bytes]:
    """The files of an export."""
    return {name: store.read(f"{folder}/{name}") for name in store.names(folder)}


def names_in(folder: Path) -> list[str]:
    """All names in a folder, sorted."""
    return sorted(file.name for file in folder.iterdir())


def card(store: Store, number: int) -> str:
    """The card of a version, exported to the store."""
    export_version(store, "m", number, None)
    return store.read(f"exports/m/{number}/README.md").decode()


class Failing(StoreWrapper):
    """Refuses to create one file, as a full disk does."""

    def __init__(self, store: Store, name: str) -> None:
        super().__init__(store)
        self._name = name

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        if path.endswith(self._name):
            raise StoreError(f"cannot write {self.location(path)}: No space left on device")
        super().create(path, data, private=private)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Another umask for a while."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_the_champion_is_exported_to_a_folder_of_its_version(store: Store) -> None:
    decided(store, "prpr")

    found = export_version(store, "m", None, None)

    assert (2, store.location("exports/m/2")) == (found.version, found.folder_url)
    assert files == store.names("exports/m/2") == sorted(found.written)
    sizes = {name: len(data) for name, data in contents(store, "exports/m/2").items()}
    assert sizes == found.sizes
    assert "" == found.note


def test_any_version_is_exported_on_request(store: Store) -> None:
    """One that was rejected, one that was rolled back, and one that was promoted by hand."""
    registry = decided(store, "prp")
    roll_back(store, "m", 0, "")
    promote_by_hand(store, "m", 1, "")

    for number in (1, 2, 4):
        found = export_version(store, "m", number, None)
        assert registry.version(number).version.digest == found.checkpoint_digest
    assert ["1", "2", "4"] == store.names("exports/m")


def test_the_same_export_again_changes_nothing(local: Store) -> None:
    """And says so, by naming no file as new."""
    decided(local, "p")
    folder = Path(export_version(local, "m", None, None).folder_url)
    before = {file: file.stat() for file in folder.iterdir()}

    found = export_version(local, "m", None, None)

    assert () == found.written
    assert before == {file: file.stat() for file in folder.iterdir()}


def test_a_card_with_a_licence_stays(store: Store) -> None:
    """People write into it."""
    decided(store, "p")
    export_version(store, "m", None, None)
    overwrite(store, "exports/m/0/README.md", b"# CC BY 4.0")

    assert () == export_version(store, "m", None, None).written
    assert b"# CC BY 4.0" == store.read("exports/m/0/README.md")


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "vocabulary.json"])
@pytest.mark.parametrize("change", [b"", b"other", b"x" * 100_000], ids=["empty", "short", "long"])
def test_a_file_of_other_bytes_is_refused(store: Store, name: str, change: bytes) -> None:
    """By name, and nothing in the folder is touched."""
    decided(store, "p")
    export_version(store, "m", None, None)
    overwrite(store, f"exports/m/0/{name}", change)
    store.remove("exports/m/0/README.md")
    before = contents(store, "exports/m/0")

    with pytest.raises(ObjectExists, match=f"exports/m/0: its {name} is of another checkpoint or"):
        export_version(store, "m", None, None)

    assert before == contents(store, "exports/m/0")


def test_a_folder_with_another_version_is_refused(store: Store, tmp_path: Path) -> None:
    decided(store, "pp")
    export_version(store, "m", 0, str(tmp_path / "given"))

    with pytest.raises(ObjectExists, match=r"its model\.safetensors is of another checkpoint"):
        export_version(store, "m", 1, str(tmp_path / "given"))


@pytest.mark.parametrize(
    ("name", "why"),
    [("notes.txt", "it holds notes.txt, which"), ("README.md", "it holds README.md, but no model")],
)
def test_a_folder_with_other_files_is_refused(
    store: Store, tmp_path: Path, name: str, why: str
) -> None:
    """Whatever they are; none of an export is added."""
    decided(store, "p")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / name).write_text("mine")

    with pytest.raises(ObjectExists, match=re.escape(why)):
        export_version(store, "m", None, str(tmp_path / "given"))

    assert [name] == names_in(tmp_path / "given")


def test_a_repository_is_a_folder_to_export_to(store: Store, tmp_path: Path) -> None:
    """What git keeps in it begins with a dot."""
    decided(store, "p")
    (tmp_path / "given/.git").mkdir(parents=True)

    export_version(store, "m", None, str(tmp_path / "given"))

    assert [".git", *files] == names_in(tmp_path / "given")


@pytest.mark.parametrize("name", ["model.onnx", "README.md"])
def test_a_full_disk_leaves_nothing(local: Store, name: str) -> None:
    """Not the files before, nor a folder; one sentence says what could not be written."""
    decided(local, "p")

    with pytest.raises(StoreError, match=f"cannot write .*{name}: No space left"):
        export_version(Failing(local, name), "m", None, None)

    assert not Path(local.location("exports")).exists()


def test_what_was_there_before_a_failure_stays(local: Store) -> None:
    """Such as the files of an export that was killed."""
    decided(local, "p")
    export_version(local, "m", None, None)
    for gone in ("README.md", "vocabulary.json"):
        local.remove(f"exports/m/0/{gone}")

    with pytest.raises(StoreError, match="No space left"):
        export_version(Failing(local, "README.md"), "m", None, None)

    assert ["model.onnx", "model.safetensors"] == local.names("exports/m/0")


@pytest.mark.parametrize("there", [1, 2, 3])
def test_an_export_that_was_killed_is_completed(store: Store, there: int) -> None:
    """Its files come one after the other, the card last."""
    decided(store, "p")
    order = export_version(store, "m", None, None).written
    for name in order[there:]:
        store.remove(f"exports/m/0/{name}")

    assert order[there:] == export_version(store, "m", None, None).written
    assert files == store.names("exports/m/0")


def test_exports_at_the_same_time_make_one_folder(local: Store) -> None:
    """Each finds the other's files equal to its own."""
    decided(local, "p")
    found: list[Exported] = []

    in_parallel(4, lambda _: found.append(export_version(reopened(local.url), "m", None, None)))

    assert 4 == len(found)
    assert files == sorted(name for each in found for name in each.written)
    assert files == local.names("exports/m/0")


def test_without_onnx_the_other_files_are_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note says how to get it; an export with it adds the file."""
    decided(store, "p")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "onnx", None)
        found = export_version(store, "m", None, None)

    assert ("model.safetensors", "vocabulary.json", "README.md") == found.written
    assert "onnx is not installed: install rnn-retraining[export] and export again" in found.note
    assert ("model.onnx",) == export_version(store, "m", None, None).written
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "onnx", None)
        assert () == export_version(store, "m", None, None).written


def test_a_dry_run_writes_nothing_and_refuses_the_same(store: Store, tmp_path: Path) -> None:
    decided(store, "p")

    planned = export_version(store, "m", None, None, dry_run=True)

    assert [] == store.names("exports")
    assert planned == export_version(store, "m", None, None)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ObjectExists, match="it holds"):
        export_version(store, "m", None, str(tmp_path), dry_run=True)


def test_an_export_follows_the_umask(local: Store) -> None:
    """As reports do: it is for people."""
    decided(local, "p")
    with umask(0o027):
        folder = Path(export_version(local, "m", None, None).folder_url)

    assert {0o640} == {file.stat().st_mode & 0o777 for file in folder.iterdir()}


def test_an_export_to_an_object_store_is_the_same(local: Store) -> None:
    decided(local, "p")
    export_version(local, "m", None, None)
    export_version(local, "m", None, "inmemory://bucket/given")

    assert contents(local, "exports/m/0") == contents(open_store("inmemory://bucket"), "given")


def test_a_folder_of_the_store_itself_is_refused(local: Store) -> None:
    """By its real path; its exports are no such folder."""
    decided(local, "p")
    place = Path(local.location(""))
    (place.parent / "link").symlink_to(place)

    for folder in ("", "models/new", "datasets"):
        for start in (place, place.parent / "link"):
            with pytest.raises(StoreError, match="it is in the store, whose other folders are"):
                export_version(local, "m", None, str(start / folder))
    export_version(local, "m", None, str(place / "exports/final"))

    assert files == local.names("exports/final")


def test_a_folder_that_is_a_file_is_refused(local: Store, tmp_path: Path) -> None:
    decided(local, "p")
    (tmp_path / "file").write_text("")

    with pytest.raises(
        StoreError, match=r"cannot export there: the store .*file is a file: name a"
    ):
        export_version(local, "m", None, str(tmp_path / "file"))


def test_a_folder_that_is_not_allowed_is_refused(
    local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's list of stores holds for exports too."""
    decided(local, "p")
    monkeypatch.setenv("RNN_STORE_ALLOW", local.location(""))

    with pytest.raises(StoreError, match=r"cannot export there: .*RNN_STORE_ALLOW"):
        export_version(local, "m", None, str(tmp_path / "elsewhere"))


def test_a_version_that_is_gone_is_refused(store: Store) -> None:
    """Retired, corrupt, or never there: one sentence each, and no folder."""
    registry = decided(store, "ppp")
    with pytest.raises(UnknownObject, match="model m has no version 7: they are 0 to 2"):
        export_version(store, "m", 7, None)
    first, second = (registry.version(number).version for number in (0, 1))
    log = Log(store, f"{run_folder('m', first.run_id)}/log")
    log.update(retirement, lambda _: Retirement(digests=(first.digest,), reason="for the test"))
    remove_payloads(store, "m", first.run_id, (first.digest,))
    with pytest.raises(UnknownObject, match=r"version 0 of model m was removed.*for the test"):
        export_version(store, "m", 0, None)
    overwrite(store, CheckpointLog(store, "m", second.run_id).payload_path(second.digest), b"x")
    with pytest.raises(UnknownObject, match=r"version 1 of model m was removed or is corrupt"):
        export_version(store, "m", 1, None)

    assert [] == store.names("exports")


def test_a_model_without_a_champion_is_refused(store: Store) -> None:
    """Its versions can be exported by number."""
    with pytest.raises(UnknownObject, match="model m has no versions"):
        export_version(store, "m", None, None)
    decided(store, "r")
    with pytest.raises(UnknownObject, match="model m has no intact champion: name a version"):
        export_version(store, "m", None, None)

    assert 0 == export_version(store, "m", 0, None).version


def test_a_card_tells_data_metrics_and_origin(store: Store) -> None:
    """All that the store knows of a version."""
    comparison = Comparison(
        text="champion",
        version=7,
        characters=1234,
        pieces=9,
        bits_per_character=2.5,
        other_bits_per_character=2.75,
        gain=0.25,
        standard_error=0.01,
        unknown_share=0,
        unknown_bits_per_character=None,
        other_unknown_bits_per_character=None,
    )
    copied = {"20": Copied(samples=0.0125, held_out_text=0.0875)}
    registry = decided(store, "p", comparisons=(comparison,), copied=copied)
    version = registry.version(0).version
    log = CheckpointLog(store, "m", version.run_id)
    log.add_evaluation(evaluation_of(log.record(version.digest), bits=2.125))
    entropy = EntropyEntry(order=2, bits_per_character=1.875, characters=202, is_exact=True)
    save_profile(store, profile_of(str(version.dataset_id), entropy))

    text = card(store, 0)

    for expected in (
        "# Model m, version 0",
        "6 hidden units",
        "| held-out text | 4.000 |",
        "| training text | 2.125 |",
        "the two characters before it are known | 1.875 |",
        "| version 7 | held-out text of version 7 | 1,234 | 2.500 | 2.750 | +0.2500 | 0.0100 |",
        "| ` 20 ` characters | 1.25% | 8.75% |",
        "| addresses | ` corpus.txt ` |",
        "| characters | 202 |",
        "## Intended use",
        "## Licence",
        version.digest,
        version.run_id,
    ):
        assert expected in text


def profile_of(dataset_id: str, entropy: EntropyEntry) -> Profile:
    """A profile of a dataset with one entropy."""
    return Profile(
        format=1,
        dataset_id=dataset_id,
        characters=202,
        utf8_bytes=202,
        lines=19,
        distinct_characters=9,
        outside_ascii=0,
        control_characters=0,
        nul_characters=0,
        frequent=(),
        rare=(),
        entropies=(entropy,),
        files=(),
        more_files=0,
    )


def test_nothing_from_outside_is_markdown_in_a_card(store: Store) -> None:
    """An address and a reason are in code, whose end they cannot write."""
    hostile = "![](http://host/x) `|` <img src=x>\n# head\x1b[2J"
    decided(store, "p", reason=hostile, corpus=(hostile,))

    text = card(store, 0)

    assert "\x1b" not in text
    assert "\n# head" not in text
    lines = [line for line in text.splitlines() if "http://host" in line]
    assert 2 == len(lines)
    assert all(re.search(r"`` !\[\]\(http://host/x\) `\\x7c` <img src=x>.* ``", x) for x in lines)


def test_a_card_names_some_addresses_of_many(store: Store) -> None:
    decided(store, "p", corpus=tuple(f"a{number}.txt" for number in range(2021)))

    text = card(store, 0)

    assert "` a19.txt ` and 2,001 more |" in text
    assert "a20.txt" not in text


def test_samples_in_a_card_are_the_same_each_time(store: Store) -> None:
    """They depend on the checkpoint alone."""
    decided(store, "p")
    first = card(store, 0)
    for name in store.names("exports/m/0"):
        store.remove(f"exports/m/0/{name}")

    assert first == card(store, 0)
    assert 3 == len(re.findall(r"^Temperature [\d.]+:$", first, re.MULTILINE))
