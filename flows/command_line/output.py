"""Standard output and standard error: what they cannot show or take ends in no traceback."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flows.visible import visible

standard_descriptors = range(3)


class StandardError(io.TextIOWrapper):
    """A standard error that is silent when its reader has gone: no run depends on it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare_streams() -> None:
    """Show characters that an encoding lacks as escapes; make do with streams that are closed."""
    for descriptor in standard_descriptors:
        try:
            os.fstat(descriptor)
        except OSError:  # else the next file that is opened would be taken for it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # by the server's process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = StandardError(
            sys.stderr.buffer, sys.stderr.encoding, "backslashreplace", line_buffering=True
        )


@contextmanager
def standard_output() -> Iterator[None]:
    """Decorates what prints: where that cannot be written, the process ends with a status of its own.

    As is usual, nothing is said if the reader has gone, as in `… | head`.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        _discard_output()
        say(
            f"error: cannot write to standard output: {error.strerror}; what was stored stays:"
            " make room there, or send the output elsewhere, and run the same command again"
        )
        sys.exit(2)


def say(message: str) -> None:
    """Print one line on standard error."""
    print(visible(message), file=sys.stderr)


def _discard_output() -> None:
    """Let Python's own flush at the end write what is left nowhere."""
    with suppress(OSError, ValueError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
