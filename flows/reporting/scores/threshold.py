"""The score from which on a row is surprising, by what a run's held-out text scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flows.reporting.scores.scorer import Scorer
from flows.storage.open_run import OpenRun
from flows.text.units import Part

most_characters = 500_000  # of the held-out text
quantile = 0.999


def held_out_threshold(opened: OpenRun, scorer: Scorer) -> float | None:
    """What 999 of 1,000 rows of the held-out text do not exceed, in nats per character.

    Each block of it is read as a file of its own. None where nothing is held out.
    """
    held_out = opened.division.held_out
    if not held_out.characters:
        return None
    points = opened.dataset.vocabulary.code_points

    def parts() -> Iterator[Part]:
        for number, tokens in enumerate(held_out.smallest(most_characters).parts()):
            yield Part(number, points[tokens], is_end=True)

    found = [
        scored.sums[scored.counts > 0] / scored.counts[scored.counts > 0]
        for scored in scorer.scored(parts())
    ]
    scores = np.concatenate(found) if found else np.empty(0)
    return float(np.quantile(scores, quantile)) if len(scores) else None
