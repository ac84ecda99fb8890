"""Start the command of a flow: import it, and meanwhile load Prefect's embedded server.

Until Ctrl-C has a handler it is a traceback, so whatever takes time to import is imported later.
"""

from __future__ import annotations

import os
import sys

from flows.command_line.signals import end_at_once

TYPE_CHECKING = False  # as in typing, which is imported later, too
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

without_prefect = ("registry",)  # flows whose command answers from the store
without_server = ("-h", "--help", "--dry_run")  # options


def main(name: str, arguments: Sequence[str] | None = None, prog: str | None = None) -> NoReturn:
    """Run the flow `name` with `arguments`, by default those of the process, and exit."""
    end_at_once()
    import atexit
    import gc

    from flows.command_line.home import ensure_prefect_home
    from flows.command_line.output import prepare_streams, say
    from flows.runtime.embedded import EmbeddedServer

    prepare_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    if name in without_prefect:
        gc.disable()
        from flows.command_line.registry import run

        sys.exit(run(arguments, prog))
    notice = ensure_prefect_home()
    server = EmbeddedServer() if may_need_server(arguments) else None
    if notice and server:
        say(notice)
    gc.disable()  # as in the server: what is imported stays
    atexit.register(gc.freeze)  # nor is it looked through at the end, which takes half a second
    flow = load_flow(name)
    from flows.command_line.entry import run_and_exit  # imports Prefect, so not before the server

    gc.freeze()
    gc.enable()
    run_and_exit(flow, arguments, prog, server)


def call_main(module: str) -> None:
    """Call the function `main` of a module as a program that is no flow."""
    end_at_once()
    from importlib import import_module

    from flows.command_line.output import prepare_streams, standard_output

    prepare_streams()
    with standard_output():
        import_module(module).main()


def load_flow(name: str) -> Any:
    """The flow of that name; only the one that is asked for is imported."""
    from importlib import import_module

    from flows.command_line.home import ensure_prefect_home

    ensure_prefect_home()
    return getattr(import_module(f"flows.{name}"), name)


def may_need_server(arguments: Sequence[str]) -> bool:
    """Whether a run with `arguments` probably needs an embedded server; Prefect's settings decide."""
    return "PREFECT_API_URL" not in os.environ and not any(
        argument.startswith(without_server) for argument in arguments
    )
