"""What people see in the terminal: a live line while training, samples, the closing table."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import prefect
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from flows.storage.checkpoints import Snapshot
from rnncore import TrainingState

sample_lines = 6  # of a snapshot, as much as a glance takes in

screen = Console(stderr=True)


class LiveTraining:
    """One line that moves: epoch, iteration, smooth loss, speed and time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._line: TaskID | None = None

    def start(self, iteration: int, goal: int) -> None:
        """Show a run that stands at `iteration` and goes to `goal`."""
        self._line = self._progress.add_task(
            "", total=goal, completed=iteration, epoch="", smooth="", speed=""
        )

    def update(self, state: TrainingState, epoch: float, characters_per_second: float) -> None:
        """Move the line to where training stands."""
        if self._line is None:
            return
        smooth = state.smooth_loss / state.hyperparameters.seq_length
        self._progress.update(
            self._line,
            completed=state.iteration,
            epoch=f"epoch {epoch:,.1f}",
            smooth=f"smooth loss {smooth:.3f}",
            speed=f"{characters_per_second / 1000:,.0f}k chars/s",
        )

    def show(self, iteration: int, snapshot: Snapshot) -> None:
        """Print a sample above the line, as the notebook does."""
        lines = snapshot.text.splitlines()[:sample_lines]
        self._progress.console.print(f"[dim]── iteration {iteration:,} ──[/]", highlight=False)
        self._progress.console.print(Text("\n".join([*map(visible, lines), ""])))


def visible(line: str) -> str:
    """`line` with control characters as escapes: a sample must not steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


_live: ContextVar[LiveTraining | None] = ContextVar("live_training", default=None)


def live_training() -> LiveTraining | None:
    """The live line, where a terminal shows one."""
    return _live.get()


@contextmanager
def terminal(*, quiet: bool = False) -> Iterator[None]:
    """Show a run in this terminal: live in a real one, a line a chunk in a pipe, or nothing."""
    live = screen.is_terminal and not quiet
    _show_own_lines(logging.WARNING if live or quiet else logging.INFO)
    if not live:
        yield
        return
    texts = (
        "{task.fields[epoch]}",
        "iteration {task.completed:,}",
        "{task.fields[smooth]}",
        "{task.fields[speed]}",
    )
    columns = (BarColumn(bar_width=8), *map(TextColumn, texts), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        token = _live.set(LiveTraining(progress))
        try:
            yield
        finally:
            _live.reset(token)


class _OwnLines(logging.Filter):
    """Lets this project's log lines through, and of Prefect's only warnings.

    Prefect reports a failed run with a traceback; the command line says the same in one sentence.
    """

    _prefect = str(Path(prefect.__file__).parent)

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        if record.pathname.startswith(self._prefect):
            return record.levelno == logging.WARNING
        return record.levelno >= self._level


def _show_own_lines(level: int) -> None:
    """Have Prefect's console handlers show this project's lines from `level` on."""
    setup_logging()  # as the flow would: the handlers must be there to be told
    names = [name for name in logging.root.manager.loggerDict if name.startswith("prefect")]
    loggers = [logging.root, *map(logging.getLogger, names)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_OwnLines(level))


def closing_table(title: str, rows: dict[str, str]) -> None:
    """Print what a run came to on standard output, long values unbroken so that they can be copied."""
    console = Console(file=sys.stdout, emoji=False)
    width = max(map(len, rows))
    console.print(f"\n[bold]{title}[/]")
    for name, value in rows.items():
        line = f"  [dim]{name:<{width}}[/]  {escape(value)}"
        console.print(line, soft_wrap=True, highlight=False)
