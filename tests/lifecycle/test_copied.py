"""A decision says how much of the samples stands in the text that was trained on."""

from __future__ import annotations

import pytest

from flows.lifecycle.chunk import commit_initial
from flows.lifecycle.promotion import Case, Judging, copied_lengths, promote_or_reject
from flows.parameters import PromotionOptions
from flows.storage import OpenRun, Store
from flows.storage.runs import make_run, save_run
from rnncore import Hyperparameters
from tests.support.states import stored
from tests.support.texts import bundled

book = (bundled / "lighthouse.txt").read_text(encoding="utf-8")


def windows(texts: list[str], length: int) -> list[str]:
    return [text[at : at + length] for text in texts for at in range(len(text) - length + 1)]


@pytest.mark.parametrize("more", [[], ["short"], [book[2000:2030]]])
def test_copied_is_the_share_of_all_substrings_of_the_samples(
    store: Store, more: list[str]
) -> None:
    """Of all samples together, beside that of the held-out text; None where each is shorter."""
    dataset = stored(store, book).manifest.dataset_id
    network = Hyperparameters(hidden_size=4)
    run = make_run(dataset, held_out=0.3, split="content", seed=0, network=network)
    save_run(store, "m", run)
    opened = OpenRun(store, "m", run.run_id)
    record = commit_initial(opened, ("a.txt",))
    vocabulary, (training, held_out, _) = opened.dataset.vocabulary, opened.split
    source, unseen = vocabulary.decode(training[:]), vocabulary.decode(held_out[:10_000])
    samples = [source[100:125] + "no more of it", source[-15:], *more]

    judging = Judging(options=PromotionOptions(), most=10**6, kept_versions=10)
    case = Case.of(opened, record.digest, ("a.txt",), 0, judging, (), samples)
    found = promote_or_reject(case).version.copied

    assert {str(length) for length in copied_lengths} == found.keys()
    for length in copied_lengths:
        for texts, share in (
            (samples, found[str(length)].samples),
            ([unseen], found[str(length)].held_out_text),
        ):
            sought = windows(texts, length)
            expected = sum(window in source for window in sought) / len(sought) if sought else None
            assert expected == share
