"""Successive halving: after how many epochs cells are compared, and which of them go on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from flows.exceptions import OptionConflict
from flows.parameters import SweepOptions


def rung_epochs(sweep: SweepOptions, epochs: int) -> tuple[int, ...]:
    """Epochs at the end of each rung; the last are `epochs`, or the last that are listed.

    >>> rung_epochs(SweepOptions(rungs=3, factor=3), 40)
    (4, 13, 40)
    """
    if isinstance(sweep.rungs, tuple):
        if not all(one < next_one for one, next_one in pairwise(sweep.rungs)):
            raise OptionConflict(f"sweep.rungs {list(sweep.rungs)}: expected epochs that grow")
        return sweep.rungs
    count, factor = sweep.rungs, sweep.factor
    least = factor ** (count - 1)
    if epochs < least:
        raise OptionConflict(
            f"{count} rungs of factor {factor} need at least {least:,} epochs, {epochs} are asked"
            " for: make sweep.rungs or sweep.factor smaller, or train longer"
        )
    return tuple(epochs // factor**above for above in reversed(range(count)))


def going_on(bits: Mapping[str, float], entered: int, factor: int) -> list[str]:
    """The runs that go on to the next rung, the best first: one in `factor` of those that entered.

    `bits` are held-out bits per character of those that did not fail; of equal ones the first.

    >>> going_on({"a": 2.5, "b": 2.1, "c": 2.3}, entered=4, factor=2)
    ['b', 'c']
    """
    return sorted(bits, key=bits.__getitem__)[: max(1, entered // factor)]
