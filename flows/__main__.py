"""The command `rnn-retraining`: a sub-command for each flow, the same as `python -m flows.<flow>`."""

from __future__ import annotations

import sys

from flows.command_line import load_flow
from flows.command_line import main as run_flow
from flows.command_line.signals import end_at_once

TYPE_CHECKING = False  # as in flows.command_line.start
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

program = "rnn-retraining"
flow_names = (
    *("retrain", "fleet", "sweep", "ingest", "train", "report", "score", "watch", "registry"),
    "retention",
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the flow that the first of `arguments` names, with the others, and exit."""
    end_at_once()
    from flows.command_line.output import prepare_streams, say, standard_output

    name, *others = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    if name in flow_names:
        run_flow(name, others, f"{program} {name}")
    prepare_streams()
    if name in {"-h", "--help", "--version"}:
        with standard_output():
            print(help_text() if name != "--version" else version_text())
        sys.exit(0)
    say(f"error: unknown command {name!r}: see {program} --help")
    sys.exit(2)


def version_text() -> str:
    """Name and version of the program."""
    from importlib.metadata import version

    return f"{program} {version(program)}"


def help_text() -> str:
    """What the sub-commands do, from the flows' own descriptions."""
    width = max(map(len, flow_names))
    summaries = (f"  {name:<{width}}  {summary(load_flow(name))}" for name in flow_names)
    return "\n".join(
        [
            f"usage: {program} [-h] [--version] COMMAND [OPTIONS]",
            "",
            "Scheduled retraining of a character RNN.",
            "",
            "commands:",
            *summaries,
            "",
            f"{program} COMMAND --help shows the options of a command.",
        ]
    )


def summary(flow: Any) -> str:
    """The first sentence of a flow's description."""
    return str(flow.description).partition("\n\n")[0]


if __name__ == "__main__":
    main()
