"""Run a flow from the command line: exit status, one sentence for what is wrong, the result."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from prefect import Flow
from prefect.exceptions import CancelledRun
from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from flows.command_line.output import say, standard_output
from flows.command_line.parsing import (
    check_addresses,
    describe_settings,
    describe_validation,
    form_of,
    read_arguments,
)
from flows.command_line.server import prefect_server
from flows.command_line.signals import end_at_once, interrupts, raise_interrupts, stopped
from flows.display.tables import show_result
from flows.display.terminal import terminal
from flows.dry_run import make_plan
from flows.exceptions import GateFailed, expected_errors
from flows.results import FlowResult
from flows.runtime.decorators import dry_run_steps
from flows.runtime.embedded import EmbeddedServer
from flows.runtime.server import server_url

bad_input = 2  # exit status
failed_gate = 3  # exit status


def run_and_exit(
    flow: Flow[..., Any],
    arguments: Sequence[str],
    prog: str | None,
    server: EmbeddedServer | None,
) -> NoReturn:
    """Run `flow` with `arguments`, and exit."""
    try:
        # Prefect passes the signal on to this handler; to exit is what ends the embedded server too.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(_stopped(number)))
        raise_interrupts()
        status = run(flow, arguments, prog, server)
    except KeyboardInterrupt:
        status = _stopped(signal.SIGINT)
    except Exception:
        if not interrupts:  # of which pydantic makes errors of its own
            raise
        status = _stopped(interrupts[0])
    finally:
        end_at_once()  # from here on, the server alone has something to finish
    sys.exit(status)


def run(
    flow: Flow[..., Any],
    arguments: Sequence[str],
    prog: str | None = None,
    server: EmbeddedServer | None = None,
) -> int:
    """Run `flow` with `arguments`; the exit status as in docs/cli.md.

    `server` is an embedded one that is loading already, for a run that needs it.
    """
    form = form_of(flow)
    try:
        command = read_arguments(form, arguments, prog)
        parameters = {name: getattr(command, name) for name in form.parameters}
        check_addresses(parameters)
        if command.dry_run:
            result: FlowResult = make_plan(parameters, dry_run_steps[flow.name])
        else:
            result = _run_in_terminal(flow, parameters, server, quiet=command.print_json)
    except ValidationError as error:
        return _refuse(describe_validation(error, form.meanings))
    except SettingsError as error:
        return _refuse(describe_settings(error))
    except (MemoryError, *expected_errors) as error:  # numpy says how much it asked for
        message = str(error) or "there is not enough memory: make some free, and run again"
        return _refuse(message, failed_gate if isinstance(error, GateFailed) else bad_input)
    except KeyboardInterrupt:
        return _stopped(signal.SIGINT)
    except CancelledRun:  # from the UI
        return _stopped(signal.SIGTERM)
    with standard_output():
        show_result(flow.name, result, as_json=command.print_json)
    return 0


def _run_in_terminal(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    server: EmbeddedServer | None,
    *,
    quiet: bool,
) -> FlowResult:
    """Run the flow; the terminal shows this project's messages, and few of Prefect's."""
    if not quiet and not server_url():
        say("Starting Prefect's embedded server (a few seconds) …")
    with terminal(quiet=quiet), prefect_server(server):
        result: FlowResult = flow(**parameters)
        return result


def _stopped(number: int) -> int:
    """Say so; the exit status of a process that a signal stopped."""
    say(stopped)
    return 128 + number


def _refuse(message: str, status: int = bad_input) -> int:
    say(f"error: {message}")
    return status
