"""Shared by all tests: which folders run by default, and what the summary prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

# Protocols that only tests use; some are made by a test.
os.environ["RNN_URL_PROTOCOLS"] = "memory inmemory simplecache careless looking refusing chosenage"

import tests.support.memory  # noqa: F401 - registers its file system

tiers = {
    "services": "tests with real servers: make test-services",
    "faults": "long fault tests: make faults",
    "soak": "a year of nights: make soak",
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip a tier's folder unless the command names it."""
    tier = collection_path.name
    unnamed = tier in tiers and tier not in " ".join(config.args)
    return True if unnamed and collection_path.parent == Path(__file__).parent else None


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Prints a sentence with what a test counted after the summary."""
    return partial(record_property, "counted")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was counted, which tests were not run, and how to run them."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for _, line in report.user_properties:
                    terminalreporter.write_line(line)
    named = " ".join(config.args)
    for tier, command in tiers.items():
        if tier not in named and any(Path(__file__).parent.glob(f"{tier}/test_*.py")):
            terminalreporter.write_line(f"not run here: {command}")
