"""How far the reading of a corpus is: in the terminal or the log, and as an artifact in the UI."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from prefect import get_run_logger

from flows.display.artifacts import artifact_key, patience_seconds, send_progress, start_progress
from flows.display.now_and_then import NowAndThen
from flows.display.terminal import live_training
from flows.runtime.background import BackgroundCall
from flows.storage.canonical import digest

every_seconds = 2.0
shown_from = 50_000_000  # bytes: a smaller corpus is read before anyone looks


class ReadingProgress:
    """Told of bytes as they are read, in each of two passes; says now and then how many there were."""

    def __init__(self, store: str, corpus: tuple[str, ...]) -> None:
        self.size: int | None = None  # bytes of the corpus, where that is known
        self._key = artifact_key("reading", store, digest(" ".join(corpus).encode())[:16])
        self._done, self._turns = 0, NowAndThen(every_seconds)
        self._artifact: UUID | None = None
        self._call = BackgroundCall()

    def __call__(self, count: int) -> None:
        """So many more bytes were read."""
        self._done += count
        if not self._turns.is_due():
            return
        of_all = f" of {2 * self.size / 1e6:,.0f}" if self.size else ""
        message = f"reading the corpus, in two passes: {self._done / 1e6:,.0f}{of_all} MB"
        get_run_logger().info(message)
        live_training().announce(message)
        if self.size and self.size >= shown_from:
            self._call.start(partial(self._send, min(100.0, 50.0 * self._done / self.size)))

    def finish(self) -> None:
        """Show that all was read, if anything was shown."""
        self._call.wait(patience_seconds)
        if self._artifact:
            self._call.start(partial(self._send, 100.0))
            self._call.wait(patience_seconds)

    def _send(self, percent: float) -> None:
        if self._artifact is None:
            self._artifact = start_progress(self._key, "Reading the corpus, in two passes", percent)
        else:
            send_progress(self._artifact, percent)
