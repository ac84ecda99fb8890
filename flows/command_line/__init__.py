"""The command line of every flow, made from the flow's own parameters so that names never drift."""

from flows import runtime  # noqa: F401 - before Prefect is imported
from flows.command_line.entry import bad_input, main, run

__all__ = ["bad_input", "main", "run"]
