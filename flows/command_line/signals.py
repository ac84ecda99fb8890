"""Ctrl-C and SIGTERM outside of a flow's own work: one sentence, and an exit status."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # as in flows.command_line.start
if TYPE_CHECKING:
    from typing import NoReturn

stopped = "stopped: run the same command again to go on"
interrupts: list[int] = []  # that were raised: a library may have made an error of its own of one


def end_at_once() -> None:
    """Let Ctrl-C and SIGTERM end the process with a sentence, while there is nothing to finish.

    As an exception, a signal would reach any line of an import, which may print or swallow it. The
    embedded server reads the end of its pipe.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a job in the background
            signal.signal(number, _end)


def raise_interrupts() -> None:
    """Let Ctrl-C be a KeyboardInterrupt again, after which work ends in order."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _raise)


def _raise(number: int, _: object) -> NoReturn:
    interrupts.append(number)
    raise KeyboardInterrupt


def _end(number: int, _: object) -> NoReturn:
    try:  # noqa: SIM105 - no import in a handler
        os.write(2, f"{stopped}\n".encode())
    except OSError:  # nobody reads it
        pass
    os._exit(128 + number)
