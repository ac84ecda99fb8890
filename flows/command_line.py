"""The command line of every flow: made from the flow's own parameters, so that names never drift."""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn, get_type_hints

import httpx
from prefect import Flow
from prefect.context import SyncClientContext
from prefect.exceptions import CancelledRun
from prefect.settings import get_current_settings
from pydantic import Field, ValidationError, create_model
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from flows.exceptions import ServerUnavailable, expected_errors
from flows.outcome import Outcome
from flows.storage.exceptions import CorpusError, StoreError
from flows.storage.urls import check_no_secret, check_url, public_text, public_url, urls_of

bad_input = 2  # exit status


class Command(BaseSettings):
    """Options that every flow's command has besides the flow's own parameters."""

    model_config = SettingsConfigDict(
        cli_implicit_flags=True,
        cli_exit_on_error=False,
        cli_hide_none_type=True,
        cli_avoid_json=False,
        extra="forbid",
    )

    dry_run: bool = Field(False, description="Say what would be done, and do nothing")
    print_json: bool = Field(
        False, validation_alias="json", description="End with one JSON object instead of a table"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the base class's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line alone: an environment variable called MODEL is none of our business."""
        return (init_settings,)


def main(flow: Flow[..., Any], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `flow` with `arguments`, by default those of the process, and exit."""
    # Prefect hands the signal on to this handler; to exit is what ends the embedded server too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(_stopped(number)))
    sys.exit(run(flow, sys.argv[1:] if arguments is None else arguments))


def run(flow: Flow[..., Any], arguments: Sequence[str]) -> int:
    """Run `flow` with `arguments`; the exit status: 0, or 2 where the input was at fault."""
    try:
        command = parse(flow, arguments)
        parameters = {
            name: getattr(command, name) for name in inspect.signature(flow.fn).parameters
        }
        check_addresses(parameters)
        if command.dry_run:
            from flows.plan import make_plan

            outcome: Outcome = make_plan(parameters)
        else:
            outcome = _run_in_terminal(flow, parameters, quiet=command.print_json)
    except ValidationError as error:
        return _refuse(describe_validation(error, flow))
    except SettingsError as error:
        return _refuse(describe_settings(error))
    except expected_errors as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return _stopped(signal.SIGINT)
    except CancelledRun:  # by somebody at the server
        return _stopped(signal.SIGTERM)
    show_outcome(flow.name, outcome, as_json=command.print_json)
    return 0


def check_addresses(parameters: dict[str, Any]) -> None:
    """Refuse addresses that cannot be meant, or hold secrets, before Prefect writes them down."""
    for url in urls_of(parameters.get("corpus", [])):
        check_url(url, "corpus", CorpusError)
        check_no_secret(url, "corpus", CorpusError)
    if store := parameters.get("store"):
        check_url(store, "store", StoreError)
        check_no_secret(store, "store", StoreError)


def parse(flow: Flow[..., Any], arguments: Sequence[str]) -> Command:
    """The command line of `flow`, checked against the same models as the UI's form."""
    hints = get_type_hints(flow.fn, include_extras=True)
    described = flow.parameters.properties
    fields: dict[str, Any] = {
        name: (
            hints[name],
            Field(parameter.default, description=described[name].get("description")),
        )
        for name, parameter in inspect.signature(flow.fn).parameters.items()
    }
    purpose = (flow.description or "").partition("\nArgs:")[0].strip()
    purpose += "\n\nGive an option several times where it takes several values."
    model = create_model(flow.name, __base__=Command, __doc__=purpose, **fields)
    # pydantic-settings takes the arguments by names that a created model's type does not show
    return model(_cli_parse_args=list(arguments), _cli_prog_name=f"python -m flows.{flow.name}")


def describe_validation(error: ValidationError, flow: Flow[..., Any]) -> str:
    """One sentence for the first thing that is wrong: where, what was expected, what was found."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"] if _is_name(part))
    expected = first["msg"][0].lower() + first["msg"][1:]
    meaning = flow.parameters.properties.get(name, {}).get("description")
    about = f" ({name}: {meaning[0].lower()}{meaning[1:]})" if meaning else ""
    return f"--{name}: {expected}, found {first['input']!r}{about}; see --help"


def describe_settings(error: SettingsError) -> str:
    """One sentence for arguments that could not be read at all."""
    message = str(error).removeprefix("error parsing CLI: ")
    if isinstance(error.__cause__, json.JSONDecodeError):
        section = message.partition('"')[2].partition('"')[0]
        message = f"--{section}: cannot read {error.__cause__.doc!r} as numbers or JSON"
    return f"{message}; see --help"


def _is_name(part: str | int) -> bool:
    """Whether a part of an error's place is a field's name, not a branch of a union."""
    return isinstance(part, int) or part.replace("_", "").isalnum()


def _run_in_terminal(flow: Flow[..., Any], parameters: dict[str, Any], *, quiet: bool) -> Outcome:
    """Run the flow with the terminal showing what this project has to say, and little else."""
    from flows.console import terminal

    if not quiet and not os.environ.get("PREFECT_API_URL"):
        print("Starting Prefect's embedded server (about ten seconds) …", file=sys.stderr)
    with terminal(quiet=quiet), _server():
        outcome: Outcome = flow(**parameters)
        return outcome


@contextmanager
def _server() -> Iterator[None]:
    """The connection that the flow will use, made beforehand: to say in a sentence what is wrong."""
    with ExitStack() as held:
        try:
            held.enter_context(SyncClientContext.get_or_create())
        except (RuntimeError, httpx.HTTPError) as error:
            raise ServerUnavailable(_why_no_server(error)) from error
        yield


def _why_no_server(error: Exception) -> str:
    settings = get_current_settings()
    if not (url := settings.api.url):
        return (
            f"Prefect's embedded server did not start ({error}): see that {settings.home} can be"
            " written, and run again"
        )
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server at {public_url(url)} wants a password: set PREFECT_API_AUTH_STRING"
    return (
        f"no Prefect server to run under ({public_text(str(error))}): start it, or unset"
        " PREFECT_API_URL to run under an embedded one"
    )


def show_outcome(name: str, outcome: Outcome, *, as_json: bool) -> None:
    """Print what the flow came to: a table for people, or one line of JSON for scripts."""
    if as_json:
        print(json.dumps(outcome.model_dump(mode="json")), flush=True)
        return
    from flows.console import closing_table

    closing_table(name, outcome.table())


def _stopped(number: int) -> int:
    """Say so; the exit status of a process that a signal stopped."""
    print("stopped: run the same command again to go on", file=sys.stderr)
    return 128 + number


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return bad_input
