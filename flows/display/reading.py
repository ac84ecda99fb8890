"""How far the reading of a corpus is: in the terminal's log, and as an artifact in the UI."""

from __future__ import annotations

import time
from collections.abc import Callable

from prefect import get_run_logger

every_seconds = 5.0


def reading_progress() -> Callable[[int], None]:
    """A function to call with each number of bytes read; it says now and then how many there were."""
    last, done = time.monotonic(), 0

    def on_bytes(count: int) -> None:
        nonlocal last, done
        done += count
        if (now := time.monotonic()) - last >= every_seconds:
            last = now
            get_run_logger().info("%s MB read", f"{done / 1e6:,.0f}")

    return on_bytes
