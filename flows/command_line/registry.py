"""The command `registry`: it answers from the store itself, without Prefect, so within a second."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from flows.answers import answer
from flows.command_line.output import say, standard_output
from flows.command_line.parsing import (
    Form,
    check_addresses,
    describe_settings,
    describe_validation,
    meanings_of,
    read_arguments,
)
from flows.display.tables import show_result
from flows.exceptions import expected_errors
from flows.visible import visible

bad_input = 2  # exit status

about = """List a model's versions, show where one comes from, promote or roll back, draw its page, export.

Name the action first: list, show, promote, rollback, page, export or tables."""


class _Lines(logging.Handler):
    """Prints warnings, such as of a corrupt record, as one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"warning: {visible(record.getMessage())}")


def run(arguments: Sequence[str], prog: str | None = None) -> int:
    """Run the command with `arguments`; the exit status as in docs/cli.md."""
    form = Form("registry", about, answer, meanings_of(answer))
    logger, handler = logging.getLogger("flows"), _Lines(logging.WARNING)
    logger.addHandler(handler)
    try:
        command = read_arguments(form, with_action(arguments), prog)
        parameters = {name: getattr(command, name) for name in form.parameters}
        check_addresses(parameters)
        result = answer(**parameters, dry_run=command.dry_run)
    except ValidationError as error:
        return _refuse(describe_validation(error, form.meanings))
    except SettingsError as error:
        return _refuse(describe_settings(error))
    except expected_errors as error:
        return _refuse(str(error))
    finally:
        logger.removeHandler(handler)
    with standard_output():
        title = "registry, dry run: nothing was written" if command.dry_run else "registry"
        show_result(title, result, as_json=command.print_json)
    return 0


def with_action(arguments: Sequence[str]) -> list[str]:
    """Arguments whose first is the action, as the option that it is in the form.

    >>> with_action(["rollback", "--model=m"])
    ['--action=rollback', '--model=m']
    """
    if arguments and not arguments[0].startswith("-"):
        return [f"--action={arguments[0]}", *arguments[1:]]
    return list(arguments)


def _refuse(message: str) -> int:
    say(f"error: {message}")
    return bad_input
