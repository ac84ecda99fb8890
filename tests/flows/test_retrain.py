"""The main job, end to end, on a small text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.chain import train_run
from flows.exceptions import DamagedObject
from flows.lifecycle.request import TrainingRequest
from flows.parameters import ReadingOptions
from flows.retrain import retrain
from flows.storage.backends.remote import RemoteStore
from flows.storage.open_run import OpenRun, open_run
from flows.storage.stores import cache_of, open_store
from flows.tasks.find_work import find_work
from flows.tasks.ingest_corpus import ingest_corpus
from flows.tasks.prepare_run import prepare_run
from flows.tasks.train_chunk import train_chunk
from rnncore import TrainingState, bits_per_character, train
from tests.support.flows import files_below, retrained
from tests.support.stores import flipped

Options = Callable[..., dict[str, Any]]


def payloads(store: Path) -> dict[str, bytes]:
    """Every checkpoint's payload by file name."""
    return {path.name: path.read_bytes() for path in store.rglob("*.safetensors")}


def request_of(chosen: dict[str, Any]) -> TrainingRequest:
    """The request that `retrain` passes to its tasks."""
    training, evaluation = chosen["training"], chosen["evaluation"]
    model = chosen.get("model", "default")
    return TrainingRequest(model=model, seed=0, training=training, evaluation=evaluation)


def clear_caches() -> None:
    """Let the next run read the store again, as a new process does."""
    cache_of.cache_clear()


def test_outcome_counts_what_was_done(options: Options, text: str, store: Path) -> None:
    """Characters, iterations and epochs are those of the run."""
    outcome = retrained(options())

    opened = open_run(str(store), "default", outcome.run_id)
    assert len(text) == outcome.characters
    assert len(set(text)) == outcome.vocabulary_size
    assert 2 * opened.iterations_per_epoch == outcome.iteration == outcome.trained_iterations
    assert outcome.epochs == 2.0


def test_measured_bits_are_those_of_the_checkpoint(options: Options, store: Path) -> None:
    """Training and held-out bits per character are measured on the final weights."""
    outcome = retrained(options())

    opened = open_run(str(store), "default", outcome.run_id)
    newest = opened.log.newest()
    assert newest is not None
    parameters = newest.payload.state.parameters
    training, held_out, ends = opened.split
    assert bits_per_character(parameters, training[:]) == outcome.train_bits_per_character
    assert bits_per_character(parameters, held_out[:], ends) == outcome.held_out_bits_per_character
    assert outcome.train_bits_per_character
    assert outcome.train_bits_per_character < math.log2(outcome.vocabulary_size)


def test_second_run_trains_nothing_and_writes_nothing(
    options: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the store has is not done again, nor is a corpus read that it knows."""
    monkeypatch.setattr("flows.corpus.fingerprint.fresh_seconds", 0)
    first = retrained(options())
    before = {path: path.read_bytes() for path in files_below(store)}

    second = retrained(options())

    assert second.trained_iterations == 0
    assert before == {path: path.read_bytes() for path in files_below(store)}
    differ = {"trained_iterations", "seconds", "outcome", "starts_from"}
    assert first.model_dump(exclude=differ) == second.model_dump(exclude=differ)
    assert ["promoted", "unchanged"] == [first.outcome, second.outcome]


def test_more_epochs_continue_the_run(options: Options) -> None:
    """Two epochs and then a third give the bytes of three without a stop."""
    retrained(options())
    continued = retrained(options(training={"epochs": 3}))
    unstopped = retrained(options(training={"epochs": 3}, model="other"))

    assert continued.trained_iterations == unstopped.iteration / 3
    assert unstopped.checkpoint_digest == continued.checkpoint_digest


def test_fewer_epochs_report_the_finished_run(options: Options) -> None:
    """A run that has trained further is not rewound."""
    far = retrained(options(training={"epochs": 3}))
    back = retrained(options(training={"epochs": 1}))

    assert far.checkpoint_digest == back.checkpoint_digest
    assert back.trained_iterations == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_chunks_do_not_change_the_bytes(options: Options, dtype: str, batch_size: int) -> None:
    """A checkpoint's bytes do not depend on the number of checkpoints before it."""
    network = {"dtype": dtype, "batch_size": batch_size}
    whole = retrained(options(training={"checkpoint_every": 10**6, **network}, model="whole"))
    pieces = retrained(options(training={"checkpoint_every": 97, **network}, model="pieces"))

    assert whole.checkpoint_digest == pieces.checkpoint_digest


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_run_stopped_between_chunks_ends_with_the_same_bytes(
    options: Options, store: Path, chunks: int
) -> None:
    """Stopped after any chunk and started again, a run ends as if it had never stopped."""
    chosen = options(model="stopped")
    dataset = ingest_corpus(
        chosen["corpus"], "utf-8", ReadingOptions(), str(store), single_writer=False
    )
    work = find_work(dataset, request_of(chosen))
    prepare_run(work, request_of(chosen))
    for number in range(chunks):
        train_chunk(work, 300 * (number + 1), 10**6)

    stopped = retrained(chosen)
    never_stopped = retrained(options(model="never-stopped"))

    assert never_stopped.checkpoint_digest == stopped.checkpoint_digest
    assert stopped.iteration - 300 * chunks == stopped.trained_iterations


def test_training_is_that_of_rnncore(options: Options, store: Path) -> None:
    """The flow's last weights are those of one call of `rnncore.train`."""
    outcome = retrained(options())

    opened = open_run(str(store), "default", outcome.run_id)
    newest = opened.log.newest()
    assert newest is not None
    state = TrainingState.initial(outcome.vocabulary_size, opened.run.network(), seed=0)
    train(state, opened.split.training, outcome.iteration)
    for expected, actual in zip(state.parameters, newest.payload.state.parameters, strict=True):
        assert expected.tobytes() == actual.tobytes()


def test_records_hold_the_loss_curve(options: Options, store: Path) -> None:
    """Each checkpoint's record carries loss, speed and held-out bits; the loss falls."""
    outcome = retrained(options())

    records = open_run(str(store), "default", outcome.run_id).log.records()
    per_epoch = outcome.iteration // 2  # where it is evaluated, too
    assert [0, 300, per_epoch, 600, outcome.iteration] == [r.iteration for r in records]
    assert records[0].loss is None
    losses = [record.loss for record in records[1:] if record.loss is not None]
    assert sorted(losses, reverse=True) == losses
    assert all(record.characters_per_second for record in records[1:])
    assert all(record.held_out_bits_per_character for record in records)
    assert {"blocks"} == {record.rule for record in records}


def test_every_row_names_a_checkpoint_that_exists(options: Options, store: Path) -> None:
    """Rows name checkpoints by digest; each is in the store under that digest, or was retired."""
    outcome = retrained(options(retention={"latest": 1}))

    rows = pq.read_table(outcome.report_url).to_pylist()
    retired = OpenRun(open_store(str(store)), "default", outcome.run_id).log.retired()
    assert retired
    gone = {f"{digest}.safetensors" for digest in retired}
    named = {row["checkpoint_digest"] + ".safetensors" for row in rows}
    assert named == set(payloads(store)) | gone
    kinds = [row["kind"] for row in rows]
    assert kinds.count("snapshot") == 5
    assert kinds.count("sample") == 12


def test_seed_changes_the_run(options: Options) -> None:
    """Another seed gives another run with other weights."""
    zero, one = retrained(options()), retrained(options(seed=1))

    assert zero.run_id != one.run_id
    assert zero.checkpoint_digest != one.checkpoint_digest
    assert zero.dataset_id == one.dataset_id


def test_nothing_held_out_is_reported_as_none(options: Options) -> None:
    """A share of 0 switches held-out evaluation off."""
    outcome = retrained(options(evaluation={"held_out": 0}))

    assert outcome.held_out_bits_per_character is None
    assert outcome.train_bits_per_character


def test_store_behind_a_url_gives_the_same_bytes(options: Options) -> None:
    """A store in memory has the same content as a folder."""
    local = retrained(options())
    remote = retrained(options(store="inmemory://retrain-test"))

    assert local.checkpoint_digest == remote.checkpoint_digest
    assert str(remote.report_url).startswith("inmemory://retrain-test/reports/samples/")
    names = open_store("inmemory://retrain-test").names(f"models/default/runs/{remote.run_id}/data")
    assert f"{remote.checkpoint_digest}.safetensors" in names


@pytest.mark.parametrize(
    ("part", "damage"),
    [("tokens.npy", lambda path: path.write_bytes(b"damaged")), ("vocabulary.json", Path.unlink)],
)
def test_a_corrupt_dataset_is_repaired(
    options: Options, store: Path, part: str, damage: Callable[[Path], None]
) -> None:
    """The next run has the text, and writes the part again."""
    first = retrained(options())
    (file,) = store.glob(f"datasets/*/{part}")
    intact = file.read_bytes()
    damage(file)
    clear_caches()

    again = retrained(options())

    assert intact == file.read_bytes()
    assert first.checkpoint_digest == again.checkpoint_digest


@pytest.mark.parametrize(
    "kind",
    [
        "datasets/*/manifest",
        "models/*/runs/*/run",
        "reports/samples/*/*/*",
        "reports/summaries/*/*/*",
    ],
)
def test_a_corrupt_object_that_is_never_overwritten_is_reported_with_the_remedy(
    options: Options, store: Path, kind: str
) -> None:
    """It may be removed: the next run writes it again."""
    first = retrained(options())
    (file,) = (path for path in store.glob(f"{kind}.*") if path.is_file())
    file.write_bytes(b"damaged")
    clear_caches()
    named = f"{re.escape(str(file))}: .*: remove it, and the next run writes it again"

    with pytest.raises(DamagedObject, match=named):
        retrain(**options())
    file.unlink()
    again = retrained(options())

    assert first.checkpoint_digest == again.checkpoint_digest
    assert file.stat().st_size > len(b"damaged")


def test_replies_corrupted_in_transit_change_nothing(
    options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of three reads of an object of a remote store, the first two are corrupted."""
    times: Counter[str] = Counter()
    read = RemoteStore.read

    def corrupted_read(store: RemoteStore, path: str, most: int) -> bytes:
        times[path] += 1
        data = read(store, path, most)
        return flipped(data, len(data) // 2) if times[path] % 3 else data

    local = retrained(options())
    monkeypatch.setattr(RemoteStore, "read", corrupted_read)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    remote = retrained(options(store="inmemory://corrupted-test"))

    assert local.checkpoint_digest == remote.checkpoint_digest
    assert local.report_id == remote.report_id
    kinds = {path.partition("/")[0] for path in times}
    assert {"datasets", "models", "reports"} <= kinds


@pytest.mark.parametrize(
    "text",
    [
        "Ὁ φύλαξ τὸν λύχνον ἅπτει.\n" * 300,
        "灯塔看守人点亮了灯。\n" * 500,
        "the lamp 🔦 and the boat ⛵ and the gull 🕊️\n" * 200,
        "the lamp\r\nand the tide\r\n" * 300,
    ],
    ids=["Greek", "Chinese", "emoji", "CRLF"],
)
def test_any_text_is_trained_on_unchanged(options: Options, corpus: Path, text: str) -> None:
    """Characters are code points, and line ends stay as they are."""
    corpus.write_bytes(text.encode())

    outcome = retrained(options(sampling={"priming": text[:5]}))

    assert len(text) == outcome.characters
    rows = pq.read_table(outcome.report_url).to_pylist()
    assert all(set(row["text"]) <= set(text) for row in rows)
    assert {row["priming"] for row in rows if row["kind"] == "sample"} == {text[:5]}


def test_a_chain_of_tasks_returns_its_last_checkpoint(options: Options, store: Path) -> None:
    chosen = options()
    dataset = ingest_corpus(
        chosen["corpus"], "utf-8", ReadingOptions(), str(store), single_writer=False
    )
    request = request_of(chosen)
    start = prepare_run(find_work(dataset, request), request)
    end = train_run(start, 10**6)

    assert start.checkpoint.iteration == 0
    assert start.checkpoint.run == end.run
    assert end.iteration > 0
