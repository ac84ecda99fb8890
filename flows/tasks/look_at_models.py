"""Task: find out which of some models are unchanged."""

from __future__ import annotations

from functools import cache
from threading import Event

from flows.exceptions import RunCancelled
from flows.lifecycle.fleet.look import look
from flows.lifecycle.limits import limits_of
from flows.parameters import StoreUrl
from flows.references import ModelRow, OutcomeRef
from flows.runtime.decorators import task
from flows.runtime.interruption import finish_when_interrupted
from flows.runtime.secrets import filesystem_options
from flows.storage.stores import open_store


@task()
def look_at_models(store: StoreUrl, rows: tuple[ModelRow, ...]) -> tuple[OutcomeRef, ...]:
    """The outcomes of the models for which there is nothing to do."""
    opened, secrets = open_store(store), cache(filesystem_options)
    limits = limits_of(opened)

    def look_at_all(stop: Event) -> tuple[OutcomeRef, ...]:
        found = []
        for row in rows:
            if stop.is_set():
                raise RunCancelled("stopped: run again to go on")
            found.append(look(opened, row, limits, secrets))
        return tuple(filter(None, found))

    return finish_when_interrupted(look_at_all)
