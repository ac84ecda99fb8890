"""Arguments to parameters: parsed and checked with the same models as the UI's form."""

from __future__ import annotations

import inspect
import io
import json
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import Field, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from flows.command_line.lists import listed
from flows.command_line.output import standard_output
from flows.exceptions import CorpusError, StoreError
from flows.parameters.given import addresses, first_wrong, texts
from flows.storage.urls import check_url, urls_of

if TYPE_CHECKING:  # the command `registry` needs no Prefect
    from prefect import Flow

priming = "sampling.priming"  # its values are texts, which pydantic-settings would read as JSON
words = {"true": "", "false": "no-"}  # after a flag, and what stands before its name then


class Command(BaseSettings):
    """Options that every flow's command has besides the flow's own parameters."""

    model_config = SettingsConfigDict(
        cli_implicit_flags=True,
        cli_exit_on_error=False,
        cli_hide_none_type=True,
        cli_avoid_json=False,
        cli_parse_none_str="not given",  # by default "null", which may be a name
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
        """The command line alone: an environment variable called MODEL is ignored."""
        return (init_settings,)


def check_addresses(parameters: dict[str, Any]) -> None:
    """Refuse addresses that are malformed or hold secrets, before Prefect stores them."""
    for url in urls_of(parameters.get("corpus", [])):
        check_url(url, "corpus", CorpusError)
    if table := parameters.get("models"):
        check_url(table, "table of models", CorpusError)
    for name in ("store", "folder"):
        if address := parameters.get(name):
            check_url(address, name, StoreError)


class Form(NamedTuple):
    """What a command takes: the parameters of a function, and what each means."""

    name: str
    about: str
    function: Callable[..., Any]
    meanings: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Those of the function, without the options of every command."""
        found = inspect.signature(self.function).parameters
        return {name: each for name, each in found.items() if name not in Command.model_fields}


def form_of(flow: Flow[..., Any]) -> Form:
    """What the command of a flow takes."""
    meanings = {
        name: schema.get("description", "") for name, schema in flow.parameters.properties.items()
    }
    return Form(flow.name, flow.description or "", flow.fn, meanings)


def meanings_of(function: Callable[..., Any]) -> dict[str, str]:
    """What the parameters of a function mean, from their own definitions, as Prefect reads them."""
    found: dict[str, str] = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for item in getattr(hint, "__metadata__", ()):
            if isinstance(extra := getattr(item, "json_schema_extra", None), dict):
                found[name] = str(extra["description"])
    return found


def read_arguments(form: Form, arguments: Sequence[str], prog: str | None) -> Command:
    """The parsed arguments. argparse itself would not notice that its help cannot be written."""
    with standard_output():
        shown = io.StringIO()
        try:
            with redirect_stdout(shown):
                return parse_form(form, arguments, prog)
        finally:
            print(shown.getvalue(), end="")


def parse(flow: Flow[..., Any], arguments: Sequence[str], prog: str | None = None) -> Command:
    """The parsed command line of `flow`; `prog` is the command's name in its help."""
    return parse_form(form_of(flow), arguments, prog)


def parse_form(form: Form, arguments: Sequence[str], prog: str | None = None) -> Command:
    """The parsed command line of a form."""
    hints = get_type_hints(form.function, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], Field(parameter.default, description=form.meanings[name] or None))
        for name, parameter in form.parameters.items()
    }
    about = f"{form.about}\n\nGive an option several times where it takes several values."
    model = create_model(form.name, __base__=Command, __doc__=about, **fields)
    corpora, others = _take_out("corpus", arguments) if "corpus" in fields else ([], arguments)
    given: dict[str, Any] = {"corpus": addresses(corpora)} if corpora else {}
    others = list(_with_sections(others, hints))
    if "sweep" in fields:
        lists, others = listed(others, {name: _fields_of(hint) for name, hint in hints.items()})
        if lists:
            given["sweep"] = {"options": lists}
    primings, others = _take_out(priming, others)
    if primings and "sampling" in fields:
        given["sampling"] = {"priming": texts(primings)}
    # pydantic-settings takes the arguments by names that a created model's type does not show
    return model(
        _cli_parse_args=list(_with_all_lines(_with_flags(others, _flags(hints)))),
        _cli_prog_name=prog or f"python -m flows.{form.name}",
        **given,
    )


def _take_out(option: str, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The values of `option`, and all other arguments; one without a value is left to argparse."""
    values, others = [], []
    rest = iter(arguments)
    for argument in rest:
        name, separator, value = argument.partition("=")
        if name != f"--{option}":
            others.append(argument)
        elif separator:
            values.append(value)
        elif (value := next(rest, "-")).startswith("-"):
            others += [argument, *([value] if value != "-" else [])]
        else:
            values.append(value)
    return values, others


def _with_sections(arguments: Iterable[str], hints: Mapping[str, Any]) -> Iterator[str]:
    """Arguments, `--epochs` as `--training.epochs` where only one group has such an option."""
    groups = {name: _fields_of(hint) for name, hint in hints.items()}
    counted = Counter(field for fields in groups.values() for field in fields)
    full = {
        field: f"{group}.{field}"
        for group, fields in groups.items()
        for field in fields
        if counted[field] == 1 and field not in {*hints, *Command.model_fields, "json"}
    }
    for argument in arguments:
        name, separator, value = argument.removeprefix("--").partition("=")
        is_short = argument.startswith("--") and name in full
        yield f"--{full[name]}{separator}{value}" if is_short else argument


def _with_flags(arguments: Iterable[str], flags: Collection[str]) -> Iterator[str]:
    """Arguments, a flag with a word after it as the flag alone.

    >>> list(_with_flags(["--force", "true", "--verify=false"], ["force", "verify"]))
    ['--force', '--no-verify']
    """
    rest = deque(arguments)
    while rest:
        argument = rest.popleft()
        name, separator, value = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and name in flags:
            if not separator and rest and rest[0] in words:
                value = rest.popleft()
            argument = f"--{words[value]}{name}" if value in words else argument
        yield argument


def _flags(hints: Mapping[str, Any]) -> set[str]:
    """The options that are true or false."""
    groups = {name: _fields_of(hint) for name, hint in hints.items()}
    inner = {
        f"{group}.{name}"
        for group, fields in groups.items()
        for name, field in fields.items()
        if field.annotation is bool
    }
    own = {name for name, hint in hints.items() if _bare_type(hint) is bool}
    return {"dry_run", "json", *own, *inner}


def _bare_type(hint: Any) -> Any:
    """The type below what a parameter's type is annotated with."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _fields_of(hint: Any) -> dict[str, FieldInfo]:
    """The options of a group, by name; none of what is no group."""
    return getattr(_bare_type(hint), "model_fields", {})


def _with_all_lines(arguments: Iterable[str]) -> Iterator[str]:
    r"""Arguments, those of several lines in two: pydantic-settings takes the first line after an =.

    >>> list(_with_all_lines(["--a=b", "--reason=one\ntwo"]))
    ['--a=b', '--reason', 'one\ntwo']
    """
    for argument in arguments:
        name, _, value = argument.partition("=")
        yield from [name, value] if name.startswith("--") and "\n" in value else [argument]


def describe_validation(error: ValidationError, meanings: Mapping[str, str]) -> str:
    """One sentence for the first thing that is wrong: where, what was expected, what was found."""
    wrong = first_wrong(error, meanings)
    return f"--{wrong.option}: {wrong.sentence}; see --help"


def describe_settings(error: SettingsError) -> str:
    """One sentence for arguments that could not be read at all."""
    message = str(error).removeprefix("error parsing CLI: ")
    if without := re.fullmatch(r"argument (--[\w.]+): expected one argument", message):
        message += f", and one that begins with - follows an =, as in {without[1]}=-x"
    if isinstance(error.__cause__, json.JSONDecodeError):
        section = message.partition('"')[2].partition('"')[0]
        message = f"--{section}: cannot read {error.__cause__.doc!r} as numbers or JSON"
    return f"{message}; see --help"
