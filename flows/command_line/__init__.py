"""The command line of every flow, made from the flow's own parameters so that names never drift."""

from flows.command_line.start import load_flow, main

__all__ = ["load_flow", "main"]
