"""Lineage: from a report to checkpoint, run, parent, dataset and corpus, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.exceptions import UnknownObject
from flows.lifecycle.choosing import promote_by_hand
from flows.lifecycle.lineage import Subject, lineage
from flows.lifecycle.machine import code_commit
from flows.parameters import SamplingOptions
from flows.reporting.samples.writing import Report
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.storage.runs import run_folder
from flows.storage.stores import Store
from flows.storage.versions import Version
from tests.support.decisions import decided

commit = "0123456789abcdef" * 2 + "01234567"


def remove_run(store: Store, registry: Registry, number: int) -> None:
    """Remove every object of the run of a version."""
    folder = run_folder("m", registry.version(number).version.run_id)
    for name in ("log", "data"):
        for each in store.names(f"{folder}/{name}"):
            store.remove(f"{folder}/{name}/{each}")
    store.remove(f"{folder}/run.json")


def written(store: Store, version: Version, options: SamplingOptions) -> str:
    """Id of a report about a version."""
    report = Report(OpenRun(store, "m", version.run_id), version.digest, options)
    report.write()
    return report.place.report_id


def test_the_chain_goes_from_the_champion_to_the_first(store: Store) -> None:
    """Each link names checkpoint, run, dataset, the digests of its files, corpus and machine."""
    registry = decided(store, "prp")

    found = lineage(store, "m", Subject())

    version, first = registry.version(2).version, registry.version(0).version
    assert [(2,), (0,)] == [origin.versions for origin in found.chain]
    newest, oldest = found.chain
    assert (version.digest, version.run_id, version.iteration) == (
        newest.checkpoint,
        newest.run_id,
        newest.iteration,
    )
    assert (first.digest, None) == (newest.parent, oldest.parent)
    manifest = datasets.load_manifest(store, str(version.dataset_id))
    assert [file.sha256 for file in manifest.files] == [file.sha256 for file in newest.files]
    assert (manifest.dataset_id, manifest.characters) == (newest.dataset_id, newest.characters)
    assert ("corpus.txt",) == newest.corpus
    assert ("some CPU", {"numpy": "2"}, None) == (newest.cpu, newest.libraries, newest.commit)
    assert newest.run
    assert 2 == newest.run["seed"]
    assert newest.checkpoint_url
    assert newest.checkpoint_url.endswith(f"{version.digest}.safetensors")


def test_versions_runs_and_reports_come_from_a_version(store: Store) -> None:
    """At first hand and later; a report of its own checkpoint too."""
    registry = decided(store, "ppp")
    first, last = registry.version(0).version, registry.version(2).version
    options = SamplingOptions(length=5, samples_each=1)
    own, later = written(store, first, options), written(store, last, options)

    descent = lineage(store, "m", Subject(version=0)).descent

    assert (1, 2) == descent.versions
    assert {registry.version(n).version.run_id for n in (1, 2)} == set(descent.runs)
    assert (own, later) == descent.reports


def test_everything_comes_from_its_dataset(store: Store) -> None:
    registry = decided(store, "pr")
    dataset_id = str(registry.version(0).version.dataset_id)

    found = lineage(store, "m", Subject(dataset=dataset_id))

    assert () == found.chain
    assert (0, 1) == found.descent.versions
    assert 2 == len(found.descent.runs)


def test_each_kind_of_name_leads_to_the_same_checkpoint(store: Store) -> None:
    """A report, a run, a checkpoint's digest and a version's number."""
    registry = decided(store, "ppr")
    version = registry.version(1).version
    report = written(store, version, SamplingOptions(length=5))
    subjects = [
        Subject(report=report),
        Subject(run_id=version.run_id),
        Subject(checkpoint=version.digest),
        Subject(version=1),
    ]

    chains = [lineage(store, "m", subject).chain for subject in subjects]

    assert version.digest == chains[0][0].checkpoint
    assert [chains[0]] * 4 == chains


def test_where_a_run_was_removed_its_version_answers(store: Store) -> None:
    """What only the run knew is missing; the chain goes on."""
    registry = decided(store, "ppp")
    before = lineage(store, "m", Subject()).chain
    remove_run(store, registry, 1)

    after = lineage(store, "m", Subject()).chain

    assert (before[0], before[2]) == (after[0], after[2])
    removed = after[1]
    assert (None, None, None) == (removed.run, removed.checkpoint_url, removed.cpu)
    kept = ("checkpoint", "run_id", "parent", "dataset_id", "corpus", "iteration", "versions")
    for name in kept:
        assert getattr(before[1], name) == getattr(removed, name)


def test_a_promotion_by_hand_is_another_version_of_the_checkpoint(store: Store) -> None:
    decided(store, "prp")
    promote_by_hand(store, "m", 1, "")

    assert (1, 3) == lineage(store, "m", Subject()).chain[0].versions


def test_a_run_that_was_never_decided_is_found(store: Store) -> None:
    """By its newest checkpoint."""
    registry = decided(store, "p")
    version = registry.version(0).version
    other = decided(store, "p", "n")
    log = CheckpointLog(store, "n", version.run_id)
    assert other.version(0).version.run_id == version.run_id
    store.remove("models/n/versions/000000000000.json")

    found = lineage(store, "n", Subject(run_id=version.run_id)).chain[0]

    assert log.records()[-1].digest == found.checkpoint
    assert () == found.versions


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (Subject(version=9), "model m has no version 9: they are 0 to 1"),
        (Subject(report="0" * 16), "model m has no report 0000000000000000 in"),
        (Subject(run_id="0" * 16), "model m has no run 0000000000000000 with a checkpoint in"),
        (Subject(checkpoint="0" * 64), "model m has no checkpoint 0000"),
        (Subject(dataset="0" * 16), "no dataset 0000000000000000 in"),
    ],
)
def test_what_is_not_there_is_refused(store: Store, subject: Subject, sentence: str) -> None:
    decided(store, "pr")

    with pytest.raises(UnknownObject, match=sentence):
        lineage(store, "m", subject)


def test_the_commit_is_that_of_the_clone(tmp_path: Path) -> None:
    """Of a branch, packed or not, of no branch, and of a work tree beside the clone."""
    clone, beside = tmp_path / "clone", tmp_path / "beside"
    (clone / ".git/refs/heads").mkdir(parents=True)
    (clone / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (clone / ".git/packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    assert commit == code_commit.__wrapped__(clone)
    newer = commit[::-1]
    (clone / ".git/refs/heads/main").write_text(f"{newer}\n")
    assert newer == code_commit.__wrapped__(clone)

    beside.mkdir()
    (beside / ".git").write_text(f"gitdir: {clone}/.git/worktrees/beside\n")
    (clone / ".git/worktrees/beside").mkdir(parents=True)
    (clone / ".git/worktrees/beside/HEAD").write_text("ref: refs/heads/main\n")
    (clone / ".git/worktrees/beside/commondir").write_text("../..\n")
    assert newer == code_commit.__wrapped__(beside)

    (clone / ".git/HEAD").write_text(f"{commit}\n")
    assert commit == code_commit.__wrapped__(clone)
    (clone / ".git/HEAD").write_text("no commit\n")
    assert code_commit.__wrapped__(clone) is None
    assert code_commit.__wrapped__(tmp_path) is None
