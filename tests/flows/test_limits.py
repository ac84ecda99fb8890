"""Requests that take more than there is are refused before anything is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.command_line.entry import run
from flows.exceptions import LimitExceeded, StoreError
from flows.ingest import ingest
from flows.report import report
from flows.retrain import retrain
from flows.storage import bounds
from flows.train import train
from tests.support.flows import files_below, retrained

Options = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--training.epochs=1000000", "--training.checkpoint_every=1"],
            "files, RNN_MAXIMUM_FILES allows 100,000",
        ),
        (
            [
                "--training.epochs=1000000",
                "--training.hidden_size=1024",
                "--training.checkpoint_every=1000000000",
            ],
            "RNN_MAXIMUM_HOURS allows 168",
        ),
        (
            ["--sampling.length=1000000", "--sampling.samples_each=100000"],
            "at most 10,000,000,000 characters are drawn",
        ),
    ],
    ids=["files", "hours", "samples"],
)
@pytest.mark.parametrize("dry_run", [(), ("--dry_run",)], ids=["run", "dry run"])
def test_too_large_a_request_is_refused(
    corpus: Path,
    store: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
    dry_run: tuple[str, ...],
) -> None:
    """With one sentence and status 2; the store is not made."""
    assert 2 == run(retrain, [f"--corpus={corpus}", f"--store={store}", *arguments, *dry_run])

    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("error: the ")
    assert expected in sentence
    assert not store.exists()


def test_memory_of_the_container_is_respected(
    options: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the flow itself, which a deployment runs; each part of a run can be what is too large."""
    monkeypatch.setattr("flows.lifecycle.limits.memory_limit", lambda: 305_000_000)
    large = ({"hidden_size": 3000}, {"hidden_size": 256, "seq_length": 80, "batch_size": 45})
    for training in large:
        with pytest.raises(LimitExceeded, match="of memory"):
            retrained(options(training=training))
    with pytest.raises(LimitExceeded, match="of memory"):
        retrained(options(sampling={"samples_each": 50_000}))

    assert not store.exists()
    assert retrained(options()).trained_iterations > 0


def test_free_disk_is_respected(
    options: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each flow that stores something asks for room; what is stored already needs none."""
    monkeypatch.setattr("flows.corpus.fingerprint.fresh_seconds", 0)
    chosen = options()
    retrained(chosen)
    before = files_below(store)
    limits = "flows.lifecycle.limits.os.statvfs"
    monkeypatch.setattr(limits, lambda _: Full)
    same = {name: chosen[name] for name in ("corpus", "store")}

    ingest(**same)
    train(**same, training=chosen["training"])
    report(store=str(store), sampling=chosen["sampling"])
    retrained(chosen)
    assert before == files_below(store)

    for flow, more in (
        (ingest, {"store": f"{store}-2"}),
        (train, {"training": options(training={"epochs": 3})["training"]}),
        (report, {"sampling": options(sampling={"length": 60})["sampling"]}),
    ):
        given = {name: value for name, value in same.items() if name in flow.parameters.properties}
        with pytest.raises(LimitExceeded, match="0 MB free"):
            flow(**given | more)
    assert before == files_below(store)
    assert not Path(f"{store}-2").exists()


@pytest.mark.parametrize(
    ("kind", "most", "expected"),
    [
        ("payload", 5000, r"a checkpoint: it has [0-9,]+ bytes, .* make hidden_size or batch_size"),
        ("report_rows", 13, r"a report: it has 15 rows, .* make samples_each"),
        ("report", 2000, r"a report: it has [0-9,]+ bytes, .* the length of samples"),
        ("report_table", 5000, r"the table of a report: it has [0-9,]+ bytes"),
    ],
)
def test_what_could_not_be_read_back_is_refused_before_training(
    options: Options,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    most: int,
    expected: str,
) -> None:
    """A report has a row for each sample, and for each checkpoint until then."""
    monkeypatch.setattr(bounds, kind, most)

    with pytest.raises(StoreError, match=f"cannot write {expected}"):
        retrained(options(training={"checkpoint_every": 1000}))
    assert not store.exists()


def test_a_report_that_could_not_be_read_back_is_refused_before_it_is_sampled(
    options: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before a training."""
    retrained(options())
    before = files_below(store)
    monkeypatch.setattr(bounds, "report_rows", 20)

    with pytest.raises(StoreError, match=r"a report: it has [0-9]+ rows, and at most 20 are read"):
        report(store=str(store), sampling=options(sampling={"samples_each": 7})["sampling"])
    assert before == files_below(store)


class Full:
    """The state of a file system without room, as `os.statvfs` returns it."""

    f_blocks = 10**9
    f_bavail = 0
    f_frsize = 4096
    f_favail = 10**9
    f_files = 10**9


@pytest.mark.parametrize("flow", [ingest, train, retrain, report], ids=lambda flow: flow.name)
def test_the_dry_run_shows_the_estimate(
    flow: Any, options: Options, corpus: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the limits."""
    retrained(options())
    given = {"corpus": corpus, "store": store}
    arguments = [f"--{name}={given[name]}" for name in given if name in flow.parameters.properties]

    assert 0 == run(flow, [*arguments, "--dry_run"])

    shown = capsys.readouterr().out
    assert "of memory (" in shown
    assert "files (100,000 at most)" in shown
    assert "hours (168 at most)" in shown
