"""Names that say what a run does, for the lists of Prefect's UI; a name that a person gave stays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from coolname.data import config
from prefect import runtime

from flows.storage.urls import public_url, urls_of
from flows.visible import visible


def of_corpus(verb: str) -> Callable[[], str]:
    """Names the runs of a flow for Prefect: `verb` and the corpus, without its secrets."""

    def about() -> str:
        first, *more = urls_of(runtime.flow_run.parameters["corpus"])
        others = f" and {len(more)} more" if more else ""
        return f"{verb} {visible(public_url(first))}{others}"

    return lambda: _named(about)


def of_model(verb: str) -> Callable[[], str]:
    """Names the runs of a flow for Prefect: `verb`, the model, and when it was scheduled, in UTC."""

    def about() -> str:
        return f"{verb} {runtime.flow_run.parameters['model']} {_scheduled()}"

    return lambda: _named(about)


def of_table(verb: str) -> Callable[[], str]:
    """Names the runs of a flow for Prefect: `verb`, the table's address, and when, in UTC."""

    def about() -> str:
        table = public_url(runtime.flow_run.parameters["models"])
        return f"{verb} {visible(table)} {_scheduled()}"

    return lambda: _named(about)


def of_action() -> str:
    """Names the runs of `registry` for Prefect: the action, the model, and when."""
    return of_model(runtime.flow_run.parameters["action"])()


def _scheduled() -> str:
    return f"{runtime.flow_run.scheduled_start_time:%Y-%m-%d %H:%M}"


def _named(make: Callable[[], str]) -> str:
    """The name that a run has, if a person gave it; else what `make` returns."""
    given = str(runtime.flow_run.name)
    return make() if is_generated(given) else given


# Of the names that the run form of Prefect's UI fills in (`randProductAdjective` of falso).
adjectives_of_form = frozenset(
    [
        "Awesome",
        "Rustic",
        "Small",
        "Gorgeous",
        "Fantastic",
        "Sleek",
        "Intelligent",
        "Unbranded",
        "Refined",
        "Licensed",
        "Generic",
        "Practical",
        "Ergonomic",
        "Handcrafted",
        "Tasty",
        "Handmade",
        "Incredible",
    ]
)


def is_generated(name: str) -> bool:
    """Whether Prefect made that name up: an adjective and an animal.

    Its server and client take them from coolname's lists, the form of its UI from another's.

    >>> is_generated("amber-owl"), is_generated("before-release"), is_generated("amber owl")
    (True, False, False)
    >>> is_generated("Ergonomic-Praying Mantis"), is_generated("Small-fix")
    (True, False)
    """
    adjective, _, animal = name.partition("-")
    if adjective in adjectives_of_form and animal[:1].isupper():
        return True
    return adjective in _words("adj_any") and animal in _words("subj")


@cache
def _words(name: str) -> frozenset[str]:
    """The words of a list, which may be made of others."""
    chosen: Any = config[name]
    if chosen["type"] == "nested":
        return frozenset().union(*map(_words, chosen["lists"]))
    return frozenset(chosen["words"])
