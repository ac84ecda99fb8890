"""The terminal shows samples without control characters, and what training waits for."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console
from rich.progress import Progress

from flows.display import terminal
from flows.display.terminal import LiveTraining, sample_lines
from flows.storage.checkpoints import CheckpointRecord, Snapshot
from tests.support.states import facts


def shown(text: str) -> str:
    """What is sent to a terminal for a snapshot."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    snapshot = Snapshot(seed=0, priming="a", text=text, nats_per_character=1.0)
    record = CheckpointRecord.model_validate(
        dict(facts) | {"iteration": 1000, "digest": "0" * 64, "size": 1, "snapshot": snapshot}
    )
    LiveTraining(Progress(console=screen)).show(record)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().partition("\n")[2]


def test_a_sample_is_shown_as_it_is() -> None:
    """Its characters are not interpreted as markup, emoji or colours."""
    text = "[bold] :dog: 12 None 'x'\n  ß 中 😀"

    assert f"{text}\n\n" == shown(text)


def test_control_characters_are_shown_as_escapes() -> None:
    """Escape sequences, bells and direction marks are shown as letters."""
    assert "\\x1b[2J \\x07 \\x00 \\u202e\n\n" == shown("\x1b[2J \a \0 \u202e")


def test_a_sample_is_cut_after_a_few_lines() -> None:
    """A long sample does not fill the screen."""
    assert sample_lines + 1 == shown("line\n" * 100).count("\n")


@pytest.mark.parametrize("quiet", [False, True])
def test_what_training_waits_for_is_shown_above_the_line(
    monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    """Such as the compilation of kernels; `--json` shows nothing."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(terminal, "screen", screen)

    with terminal.terminal(quiet=quiet):
        logging.getLogger("rnncore.kernels").info("compiling [once]")
    logging.getLogger("rnncore.kernels").info("after the run")

    assert isinstance(screen.file, io.StringIO)
    assert ("compiling [once]" in screen.file.getvalue()) is not quiet
    assert "after the run" not in screen.file.getvalue()
