"""Ctrl-C and SIGTERM while a command is being imported, or ends: one sentence, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Runs a module as `python -m` does, and raises a signal when it begins to import another one.
interrupted = """
import importlib.abc, runpy, signal, sys
number, at, module, *arguments = sys.argv[1:]
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == at:
            signal.raise_signal(int(number))
sys.meta_path.insert(0, Finder())
sys.argv[1:] = arguments
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""

# A command in which a library turns Ctrl-C into an error of its own.
swallowed = """
import signal
from flows.command_line import entry
from flows.retrain import retrain
def check(parameters):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ValueError("of a library")
entry.check_addresses = check
entry.run_and_exit(retrain, ["--dry_run"], None, None)
"""

both_signals = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)


def ended(
    number: signal.Signals, at: str, *command: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A program that gets a signal when it begins to import the module `at`."""
    return subprocess.run(
        [sys.executable, "-c", interrupted, str(int(number)), at, *command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,  # for the embedded server, too, which holds the pipes open
    )


@both_signals
@pytest.mark.parametrize(
    ("at", "command"),
    [
        ("flows.command_line.output", ("flows.retrain",)),
        ("flows.runtime.embedded", ("flows.retrain",)),
        ("flows.dry_run", ("flows.retrain",)),
        ("prefect", ("flows.retrain",)),
        ("pydantic", ("flows.report",)),
        ("flows.command_line.entry", ("flows.watch",)),
        ("prefect", ("flows", "--help")),
        ("prefect", ("flows", "ingest")),
        ("prefect", ("flows.deploy",)),
        ("prefect", ("flows.worker",)),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_signal_during_imports_is_one_sentence(
    number: signal.Signals, at: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    """With the status of the signal; no server is left."""
    done = ended(number, at, *command, PREFECT_HOME=str(tmp_path))

    assert "stopped: run the same command again to go on\n" == done.stderr
    assert 128 + number == done.returncode


def test_ctrl_c_that_a_library_makes_an_error_of_is_one_sentence() -> None:
    """As pydantic does where Python code is called from its own."""
    done = subprocess.run(
        [sys.executable, "-c", swallowed], capture_output=True, text=True, check=False
    )

    assert "stopped: run the same command again to go on\n" == done.stderr
    assert 128 + signal.SIGINT == done.returncode


def test_nothing_slow_is_imported_before_signals_are_handled() -> None:
    """What is imported first is little, and of the standard library."""
    code = "import sys; before = set(sys.modules); import flows.command_line; print(*set(sys.modules) - before)"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    own = {name for name in shown.split() if name.startswith(("flows", "rnncore", "prefect"))}
    command_line = {f"flows.command_line.{name}" for name in ("start", "signals")}
    assert {"flows", "flows.command_line", *command_line} == own


def test_a_command_in_the_background_ignores_ctrl_c(corpus: Path, store: Path) -> None:
    """As its shell has asked for: a terminal sends Ctrl-C to background jobs of scripts too."""
    done = subprocess.run(
        [
            *("bash", "-c", 'trap "" INT; exec "$@"', "-", sys.executable, "-c", interrupted),
            *(str(int(signal.SIGINT)), "flows.dry_run", "flows.retrain", "--dry_run"),
            *(f"--corpus={corpus}", f"--store={store}"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (0, "") == (done.returncode, done.stderr)
