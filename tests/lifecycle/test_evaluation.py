"""Texts are evaluated block by block; what was measured by an earlier rule is never mixed with it."""

from __future__ import annotations

import math
from threading import Event

import pytest

from flows.lifecycle.chunk import advance, commit_initial
from flows.lifecycle.evaluation import evaluate, held_out_bits
from flows.lifecycle.promotion import Case, Judging, promote_or_reject
from flows.parameters import PromotionOptions
from flows.storage import CheckpointRecord, OpenRun, Store, Version
from flows.storage.checkpoints import Checkpoint, EvaluationRecord
from flows.storage.log import Log
from flows.storage.registry import Decision, Registry
from flows.storage.runs import make_run, save_run
from rnncore import Hyperparameters, Parameters, bits_per_character
from tests.support.states import stored, text

corpus, most = ("a.txt",), 10**6
network = Hyperparameters(hidden_size=4)


@pytest.fixture
def dataset(store: Store) -> str:
    """A dataset of several blocks."""
    return stored(store, *(text * 11 + str(number) for number in range(4))).manifest.dataset_id


@pytest.fixture
def opened(store: Store, dataset: str) -> OpenRun:
    """A run without checkpoints."""
    return run_of(store, dataset)


def run_of(store: Store, dataset: str, seed: int = 0) -> OpenRun:
    """A run of that seed, with half of the text held out."""
    run = make_run(dataset, held_out=0.5, split="content", seed=seed, network=network)
    save_run(store, "default", run)
    return OpenRun(store, "default", run.run_id)


def newest(opened: OpenRun) -> Checkpoint:
    """The newest checkpoint of a run that has one."""
    found = opened.log.newest()
    assert found
    return found


def weights(opened: OpenRun) -> Parameters:
    """Of the newest checkpoint."""
    return newest(opened).payload.state.parameters


def as_before(opened: OpenRun, record: CheckpointRecord) -> EvaluationRecord:
    """The evaluation that an earlier version recorded: each text read as one, and no rule named."""
    training = opened.split.training[:]
    content = {
        "iteration": record.iteration,
        "digest": record.digest,
        "train_bits_per_character": bits_per_character(weights(opened), training, [len(training)]),
        "held_out_bits_per_character": one_text(opened),
    }
    log = Log(opened.store, f"models/default/runs/{opened.run_id}/log")
    log.append("evaluation", content, after=opened.log.head())
    return EvaluationRecord.model_validate(content)


def one_text(opened: OpenRun) -> float:
    """Bits per character of the held-out text, read as one continuous text."""
    held_out = opened.split.held_out[:]
    return bits_per_character(weights(opened), held_out, [len(held_out)])


def block_by_block(opened: OpenRun) -> float:
    """Bits per character of the held-out text, each block from a hidden state of zeros."""
    _, held_out, ends = opened.split
    return bits_per_character(weights(opened), held_out[:], ends)


def decided(opened: OpenRun, record: CheckpointRecord) -> Decision:
    """Evaluate a checkpoint and decide about it."""
    judging = Judging(options=PromotionOptions(), most=most, kept_versions=10)
    return promote_or_reject(Case.of(opened, record.digest, corpus, 0, judging, ()))


def promoted_before(opened: OpenRun, record: CheckpointRecord, number: int) -> dict[str, object]:
    """The decision about a checkpoint as an earlier version recorded it."""
    content: dict[str, object] = {
        "decision": "promoted",
        "reason": "there was no champion",
        "run_id": opened.run_id,
        "iteration": record.iteration,
        "digest": record.digest,
        "bits_per_character": one_text(opened),
        "champion": None,
        "champion_bits_per_character": None,
    }
    Log(opened.store, "models/default/versions").append("version", content, after=number - 1)
    return content


def trained(opened: OpenRun) -> CheckpointRecord:
    """A checkpoint that predicts better than a uniform guess."""
    commit_initial(opened, corpus)
    return advance(opened, newest(opened), 200, corpus, lambda *_: None, Event())


def test_an_evaluation_reads_block_by_block_and_names_its_rule(opened: OpenRun) -> None:
    """Once: what is recorded is returned."""
    record = commit_initial(opened, corpus)
    measured = evaluate(opened, record.digest, most)

    assert len(opened.split.block_ends) > 1
    assert one_text(opened) != block_by_block(opened)
    assert "blocks" == measured.rule
    assert block_by_block(opened) == measured.held_out_bits_per_character
    training = bits_per_character(weights(opened), opened.split.training[:])
    assert training == measured.train_bits_per_character
    head = opened.log.head()
    assert measured == evaluate(opened, record.digest, most)
    assert head == opened.log.head()


def test_an_evaluation_by_the_rule_of_before_decides_nothing_new(
    store: Store, dataset: str
) -> None:
    """Both sides are measured block by block; the record of before stays as it is."""
    champion, candidate = run_of(store, dataset), run_of(store, dataset, seed=1)
    first = decided(champion, trained(champion))
    record = trained(candidate)
    before = as_before(candidate, record)

    version = decided(candidate, record).version

    assert first.number == version.champion
    assert "blocks" == version.rule
    assert block_by_block(candidate) == version.bits_per_character
    assert math.isclose(block_by_block(champion), version.champion_bits_per_character or 0)
    assert before == candidate.log.evaluation(record.digest, rule=None)


def test_a_decision_by_the_rule_of_before_stays(opened: OpenRun) -> None:
    """With its evaluation; where that is lost, it is measured anew by the rule of the decision."""
    record = commit_initial(opened, corpus)
    content = promoted_before(opened, record, number=0)

    version = decided(opened, record).version

    assert Version.model_validate(content) == version
    assert version == Registry(opened.store, "default").decision(opened.run_id, record.digest)
    assert opened.log.evaluation(record.digest, "blocks") is None
    known = opened.log.evaluation(record.digest, rule=None)
    assert known
    assert version.bits_per_character == known.held_out_bits_per_character
    assert as_before(opened, record) == known


def test_what_is_judged_again_is_measured_by_the_rule_of_today(store: Store, dataset: str) -> None:
    """As its champion is; the decision of before had another rule."""
    back, champion = run_of(store, dataset), run_of(store, dataset, seed=1)
    for number, one in enumerate((back, champion)):
        promoted_before(one, trained(one), number)

    decision = decided(back, newest(back).record)

    assert (2, True, "blocks") == (decision.number, decision.is_new, decision.version.rule)
    assert block_by_block(back) == decision.version.bits_per_character


def test_a_loss_curve_keeps_its_rule(opened: OpenRun) -> None:
    """The records of a new run name the rule; those of a run of before go on without one."""
    commit_initial(opened, corpus)
    first = newest(opened)
    new = advance(opened, first, 5, corpus, lambda *_: None, Event())
    assert ["blocks"] * 2 == [first.record.rule, new.rule]
    assert block_by_block(opened) == new.held_out_bits_per_character

    unnamed = first.record.model_copy(update={"rule": None})
    before = newest(opened)._replace(record=unnamed)
    old = advance(opened, before, 10, corpus, lambda *_: None, Event())
    assert old.rule is None
    assert one_text(opened) == old.held_out_bits_per_character


def test_the_beginning_of_a_held_out_text_ends_within_a_block(opened: OpenRun) -> None:
    """The loss curve reads no more than the first 10,000 characters."""
    commit_initial(opened, corpus)
    _, held_out, ends = opened.split
    until = int(ends[0]) + 100

    measured = held_out_bits(weights(opened), held_out[:until], ends, "blocks")
    assert bits_per_character(weights(opened), held_out[:until], [ends[0], until]) == measured


@pytest.mark.parametrize("rule", ["blocks", None])
def test_a_text_without_a_character_to_predict_has_no_bits(
    opened: OpenRun, rule: str | None
) -> None:
    """Nothing is held out, or one character."""
    commit_initial(opened, corpus)
    _, held_out, ends = opened.split

    assert held_out_bits(weights(opened), held_out[:0], ends[:0], rule) is None
    assert held_out_bits(weights(opened), held_out[:1], ends[:1], rule) is None
