"""Write cli.md from the flows' own definitions: `python docs/write_cli.py`."""

# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, whatever is installed

from flows.__main__ import flow_names, program
from flows.command_line import load_flow
from flows.command_line.parsing import Command
from flows.command_line.registry import about as registry_command
from flows.lifecycle.lineage import Lineage, Origin
from flows.registry_results import (
    ChoiceResult,
    ExportResult,
    ListedVersion,
    PageResult,
    TablesResult,
)
from flows.results import FlowResult

# The first argument of this command is the action; it needs no server.
descriptions = {"registry": f"{registry_command}\n\nIt needs no Prefect server."}
answers: dict[str, type[BaseModel]] = {
    "Keys of each object of the JSON array, for `list`": ListedVersion,
    "\nKeys of the JSON object, for `show`": Lineage,
    "\nOf each link of its `chain`": Origin,
    "\nKeys of the JSON object, for `promote` and `rollback`": ChoiceResult,
    "\nFor `page`": PageResult,
    "\nFor `export`": ExportResult,
    "\nFor `tables`": TablesResult,
}
page = Path(__file__).parent / "cli.md"
head = f"""\
# Command line

<!-- Written by docs/write_cli.py. -->

`{program} COMMAND [OPTIONS]` runs a flow and ends; `python -m flows.COMMAND [OPTIONS]` does the same.
`{program} --version` prints the version, `--help` the commands, `COMMAND --help` the options of one.

Options are the parameters of the flow: the same names, bounds and defaults as in the form of Prefect's UI.
`--training.epochs 5` and `--training '{{"epochs": 5}}'` mean the same, and `--epochs 5` is short for it: so is the
last part of any name that no other option ends with. An option that takes several values is given several times, or
once with commas between the values; a value with a comma in it is given as JSON, `'["a,b.txt"]'`.
A flag is on where it is given, and may have `true` or `false` after it.

Without `PREFECT_API_URL` a command starts Prefect's embedded server for the time of the run.

## Exit status

| status | meaning |
|---|---|
| 0 | The flow is done, or the store held its result already. |
| 2 | Refused or failed, for the reason in one sentence on standard error, which also says what to do. |
| 3 | A gate refused the text before anything was trained, with its numbers on standard error; the champion stays. |
| 141 | The reader of standard output has gone, such as `head`. The work is done. |
| 130 | Stopped by Ctrl-C. A run that was training wrote a checkpoint: run the same command again to go on. |
| 143 | Stopped by SIGTERM, or cancelled in the UI; as above. |
| 1 | A fault of the program, with a traceback. Please report it. |

## Options of every command

"""


def main() -> None:
    """Write the page."""
    page.write_text(text(), encoding="utf-8")


def text() -> str:
    """The whole page."""
    common = [
        (f"--{field.validation_alias or name}", "flag", "off", field.description or "")
        for name, field in Command.model_fields.items()
    ]
    sections = [section(load_flow(name)) for name in flow_names]
    return head + table(common) + "".join(sections)


def section(flow: Any) -> str:
    """A flow: its description, its options, the keys of its JSON object."""
    about = descriptions.get(flow.name, flow.description)
    keys = "\n".join(key_lines(flow))
    return f"\n## {flow.name}\n\n{about}\n\n{table(list(options(flow)))}\n{keys}\n"


def key_lines(flow: Any) -> Iterator[str]:
    """The keys of its JSON object; `registry` has one for each kind of answer."""
    kinds = {"Keys of the JSON object": result_of(flow)} if flow.name != "registry" else answers
    for what, model in kinds.items():
        yield f"{what}: {', '.join(f'`{name}`' for name in model.model_fields)}."


def options(flow: Any) -> Iterator[tuple[str, str, str, str]]:
    """Name, values, default and meaning of each option, those of groups as --group.option."""
    definitions = flow.parameters.definitions or {}
    for name, schema in flow.parameters.properties.items():
        reference = schema.get("$ref") or next(iter(schema.get("allOf", [{}]))).get("$ref")
        if reference is None:
            yield f"--{name}", values(schema), shown(schema["default"]), schema["description"]
            continue
        fields = definitions[reference.rpartition("/")[2]]["properties"]
        for field, inner in fields.items():
            meaning = inner["description"]
            yield f"--{name}.{field}", values(inner), shown(inner["default"]), meaning


def values(schema: dict[str, Any]) -> str:
    """What an option takes, in a word or two."""
    if choices := schema.get("enum"):
        return " or ".join(f"`{choice}`" for choice in choices)
    kinds = {"string": "text", "integer": "whole number", "number": "number", "boolean": "flag"}
    kinds["object"] = "JSON"
    if "anyOf" in schema:
        first = next(option for option in schema["anyOf"] if option["type"] != "null")
        several = any(option["type"] == "array" for option in schema["anyOf"])
        return values(first) + (", several" if several else "")
    if schema["type"] == "array":
        return "numbers"
    return kinds[schema["type"]]


def shown(default: object) -> str:
    """A default as it is typed."""
    if default is None or default == "":
        return "none"
    if isinstance(default, bool):
        return "off"
    if isinstance(default, str):
        return f"`{default}`"
    return f"`{json.dumps(default).strip('[]').replace(' ', '')}`"


def result_of(flow: Any) -> type[FlowResult]:
    """The model of a flow's result."""
    returned = get_type_hints(flow.fn)["return"]
    models = (kind for kind in (returned, *get_args(returned)) if isinstance(kind, type))
    return next(kind for kind in models if issubclass(kind, FlowResult))


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """Options as a Markdown table."""
    lines = ["| option | takes | default | meaning |", "|---|---|---|---|"]
    for name, kind, default, meaning in rows:
        escaped = meaning.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{name}` | {kind} | {default} | {escaped} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
