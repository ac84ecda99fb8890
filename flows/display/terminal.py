"""The terminal: a live line while training, samples, the closing table."""

from __future__ import annotations

import logging
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

from flows.runtime.part import is_part_of_many
from flows.storage.checkpoints import CheckpointRecord
from flows.visible import visible
from rnncore import TrainingState

sample_lines = 6  # of a snapshot, as much as a glance takes in

screen = Console(stderr=True)


class LiveTraining:
    """One line that moves: epoch, iteration, smooth loss, speed and time left.

    Without a `progress` to show it on, it shows nothing.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._line: TaskID | None = None
        self._iterations_per_epoch = 1

    def start(self, iteration: int, goal: int, iterations_per_epoch: int) -> None:
        """Show a run that is at `iteration` and goes to `goal`."""
        self._iterations_per_epoch = iterations_per_epoch
        if self._progress:
            self._line = self._progress.add_task(
                "", total=goal, completed=iteration, epoch="", smooth="", speed=""
            )

    def on_slice(self, state: TrainingState, characters_per_second: float) -> None:
        """Move the line to where training is."""
        if self._progress is None or self._line is None:
            return
        smooth = state.smooth_loss / state.hyperparameters.seq_length
        self._progress.update(
            self._line,
            completed=state.iteration,
            epoch=f"epoch {state.iteration / self._iterations_per_epoch:,.1f}",
            smooth=f"smooth loss {smooth:.3f}",
            speed=f"{characters_per_second / 1000:,.0f}k chars/s",
        )

    def announce(self, message: str) -> None:
        """Print a line above."""
        if self._progress:
            self._progress.console.print(f"[dim]{escape(visible(message))}[/]", highlight=False)

    def show(self, record: CheckpointRecord) -> None:
        """Print a checkpoint's sample above the line, as the notebook does."""
        if self._progress is None or record.snapshot is None:
            return
        lines = record.snapshot.text.splitlines()[:sample_lines]
        print_ = self._progress.console.print
        print_(f"[dim]── iteration {record.iteration:,} ──[/]", highlight=False)
        print_(Text("\n".join([*map(visible, lines), ""])))


_live: ContextVar[LiveTraining] = ContextVar("live_training")


def live_training() -> LiveTraining:
    """The live line of this terminal; one that shows nothing where there is none, or many train."""
    return LiveTraining(None) if is_part_of_many() else _live.get(LiveTraining(None))


@contextmanager
def terminal(*, quiet: bool = False) -> Iterator[None]:
    """Show a run: live in a real terminal, a line for each chunk in a pipe, or nothing."""
    live = screen.is_terminal and not quiet
    _show_own_messages(logging.WARNING if live or quiet else logging.INFO)
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
    announcer = _Announcer()
    with Progress(*columns, console=screen, transient=True) as progress:
        token = _live.set(LiveTraining(progress))
        logging.getLogger("rnncore").addHandler(announcer)
        try:
            yield
        finally:
            logging.getLogger("rnncore").removeHandler(announcer)
            _live.reset(token)


class _Announcer(logging.Handler):
    """Prints above the live line what makes it wait, such as kernels that are compiled."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO:  # warnings are shown anyway
            screen.print(f"[dim]{escape(visible(record.getMessage()))}[/]", highlight=False)


class _OwnMessages(logging.Filter):
    """Lets this project's log lines through, and of Prefect's only warnings.

    Prefect reports a failed run with a traceback; the command line says the same in one sentence.
    """

    _prefect = str(Path(prefect.__file__).parent)

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        if is_part_of_many():  # its lines do not say whose they are; its flow run has them
            return False
        if record.pathname.startswith(self._prefect):
            return record.levelno == logging.WARNING
        return record.levelno >= self._level


def _show_own_messages(level: int) -> None:
    """Let Prefect's console handlers show this project's lines from `level` on."""
    setup_logging()  # as the flow would: the handlers must exist already
    names = [name for name in logging.root.manager.loggerDict if name.startswith("prefect")]
    loggers = [logging.root, *map(logging.getLogger, names)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_OwnMessages(level))
