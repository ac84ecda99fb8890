"""Secret blocks of Prefect: options of a corpus's filesystem that no parameter may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from prefect.blocks.system import Secret

from flows.exceptions import OptionConflict


def filesystem_options(name: str | None) -> Mapping[str, Any] | None:
    """The options in the Secret block `name`, a JSON object; None without a name."""
    if name is None:
        return None
    try:
        # Prefect's types allow for asynchronous use; in a synchronous task it returns the block
        found = cast("Secret[Any]", Secret.load(name)).get()
    except ValueError:
        found = None
    if found is None:
        raise OptionConflict(
            f"Prefect has no Secret block {name}: make it in the UI under Blocks, or set"
            " reading.corpus_secret to one that exists"
        )
    try:
        options = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        options = None
    if not isinstance(options, dict):  # its value is in no message
        raise OptionConflict(
            f"the Secret block {name} is not a JSON object with options of a filesystem: give one"
            ' such as {"key": …, "secret": …}'
        )
    return options
