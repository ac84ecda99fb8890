"""What is shown while something goes on: not each step, but one now and then."""

from __future__ import annotations

import time


class NowAndThen:
    """Due once in so many seconds, the first time after that many."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()

    def is_due(self) -> bool:
        """Whether so many seconds have passed since it was due last."""
        if (now := time.monotonic()) - self._last < self._seconds:
            return False
        self._last = now
        return True
