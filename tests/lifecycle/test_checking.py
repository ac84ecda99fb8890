"""A text is checked against the champion's: what is compared, and what the champion says to it."""

from __future__ import annotations

import pytest

from flows.lifecycle.checking import check_against_champion
from flows.parameters import GateOptions
from flows.storage import OpenRun, Registry, Store, datasets
from flows.storage.datasets import Dataset
from flows.storage.versions import Finding
from rnncore import bits_per_character
from tests.support.damage import reported
from tests.support.texts import some_lines, some_text
from tests.support.work import dataset_of, request, serve

text = "".join(some_lines(320, seed=1))
foreign = text + some_text(6, seed=4).upper()


def findings(store: Store, dataset: Dataset, **options: str) -> dict[str, Finding]:
    """What the gates find, by gate."""
    chosen = GateOptions.model_validate(options)
    found = check_against_champion(store, "m", dataset, chosen, 10**6)
    return {finding.gate: finding for finding in found}


def test_without_a_champion_nothing_is_compared(store: Store) -> None:
    assert {} == findings(store, dataset_of(store, text))


def test_the_champions_own_text_is_not_checked(store: Store) -> None:
    dataset = dataset_of(store, text)
    serve(store, dataset, request())
    assert {} == findings(store, dataset)


def test_the_champion_reads_the_new_blocks_alone(store: Store) -> None:
    """Its surprise is that of the text that it does not know, from the same network."""
    serve(store, dataset_of(store, text), request({"epochs": 20}))
    champion = Registry(store, "m").champion()
    assert champion
    found = findings(store, dataset_of(store, foreign))["surprise"]

    old = datasets.load(store, OpenRun(store, "m", champion.version.run_id).run.dataset_id)
    fresh = dataset_of(store, foreign).blocks().without(old.blocks().digests).by_digest()
    state, vocabulary = champion.payload
    assert set(foreign) <= set(vocabulary.characters)
    tokens = vocabulary.places_of(fresh.vocabulary)[fresh.joined()]
    assert bits_per_character(state.parameters, tokens, fresh.ends) == found.value
    own = champion.version.bits_per_character
    assert own
    assert own + 0.7 == found.bound
    assert "warn" == found.action


def test_a_text_without_new_blocks_has_no_surprise(store: Store) -> None:
    serve(store, dataset_of(store, text), request())
    assert "surprise" not in findings(store, dataset_of(store, text[:12_000]), size="off")


@pytest.mark.parametrize("lost", ["dataset", "run"])
def test_where_the_champions_text_is_gone_nothing_is_compared_and_it_says_so(
    store: Store, lost: str
) -> None:
    dataset = dataset_of(store, text)
    run = serve(store, dataset, request()).work.run
    path = f"datasets/{dataset.manifest.dataset_id}/manifest.json"
    store.remove(path if lost == "dataset" else f"models/m/runs/{run.run_id}/run.json")
    for kind in ("dataset", "document"):
        store.cache._kept[kind].clear()
    with reported() as problems:
        assert {} == findings(store, dataset_of(store, foreign))
    assert any("the text of version 0" in str(problem) for problem in problems)
