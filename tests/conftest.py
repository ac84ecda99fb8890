"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

tiers = {
    "services": "tests with real servers: make test-services",
    "faults": "long fault tests: make faults",
}


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which tests were not run, and how to run them."""
    named = " ".join(config.args)
    for tier, command in tiers.items():
        if tier not in named and any(Path(__file__).parent.glob(f"{tier}/test_*.py")):
            terminalreporter.write_line(f"not run here: {command}")
