"""Decisions whose champion's own text is not there any more."""

from __future__ import annotations

from flows.storage import Store, datasets
from flows.storage.datasets import dataset_folder
from tests.support.texts import some_text
from tests.support.work import dataset_of, request, serve


def test_the_sum_of_losses_stays_where_the_champions_text_is_gone(local: Store) -> None:
    for seed, rate in ((1, 0.0001), (2, 0.01)):
        text = dataset_of(local, some_text(60, seed=seed))
        decided = serve(local, text, request({"learning_rate": rate})).decision.version
        assert "promoted" == decided.decision
    assert decided.lost_bits
    folder = dataset_folder(text.manifest.dataset_id)
    for name in local.names(folder):
        local.remove(f"{folder}/{name}")
    local.cache.forget(text.manifest.dataset_id)
    assert not datasets.exists(local, text.manifest.dataset_id)

    later = serve(local, dataset_of(local, some_text(14, seed=3)), request()).decision.version

    assert "champion" not in {found.text for found in later.comparisons}
    assert decided.lost_bits == later.lost_bits
