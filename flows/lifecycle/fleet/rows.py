"""The rows of a table of models, checked as the form checks the parameters of `retrain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from flows.corpus.finding.local import start_of, wildcards
from flows.exceptions import BadModels, CorpusError, StorageError
from flows.lifecycle.fleet import options
from flows.lifecycle.fleet.files import RawRow, TableFile, read_table_file, what
from flows.lifecycle.fleet.formats import defaults, rows_of
from flows.parameters import RetrainOptions
from flows.parameters.given import first_wrong
from flows.references import ModelRow
from flows.storage.boundary import check_allowed
from flows.storage.urls import check_url, urls_of
from flows.visible import visible

shown_problems = 5
anything = {"model": "m", "corpus": "c"}  # what the defaults need not have


def read_models(url: str) -> tuple[ModelRow, ...]:
    """The models of a table, each with all that it is given; `BadModels` names what is wrong where."""
    table = read_table_file(url)
    rows, problems = [], []
    for found in _checked(rows_of(table)):
        if isinstance(found, ModelRow):
            rows.append(found)
        else:
            problems.append(found)
    if problems:
        raise _refused(table, problems)
    return tuple(rows)


def _refused(table: TableFile, problems: Sequence[str]) -> BadModels:
    more = len(problems) - shown_problems
    others = f"; and {more:,} more rows" if more > 0 else ""
    shown = "; ".join(problems[:shown_problems])
    return BadModels(f"the {what} {table.name}: {shown}{others}")


def _checked(raw: Sequence[RawRow]) -> Iterator[ModelRow | str]:
    """Each row as it will be trained, or what is wrong with it."""
    shared, problem = _defaults([row for row in raw if row.given.get("model") == defaults])
    if problem:
        yield problem
        return
    places: dict[str, str] = {}
    for row in (row for row in raw if row.given.get("model") != defaults):
        name = row.given.get("model")
        where = f"{row.place} (model {visible(str(name))[:64]})" if name is not None else row.place
        if name is None:
            yield f"{where} has no model: give each a name"
        elif str(name) in places:
            yield f"{where} has the model of {places[str(name)]}: keep one of them"
        else:
            places[str(name)] = row.place
            try:
                yield ModelRow(place=row.place, options=_options(row, shared))
            except (BadModels, StorageError) as error:
                yield f"{where}: {error}"


def _defaults(rows: Sequence[RawRow]) -> tuple[dict[str, Any], str]:
    """What all rows have, and what is wrong with it."""
    if len(rows) > 1:
        return {}, f"{rows[1].place} has {defaults}, as {rows[0].place} has: keep one of them"
    for row in rows:
        try:
            shared = options.nested(_without(row.given, "model"), is_text=row.is_text)
            _validated(anything | shared)
        except BadModels as error:
            return {}, f"{row.place} ({defaults}): {error}"
        return shared, ""
    return {}, ""


def _options(row: RawRow, shared: Mapping[str, Any]) -> dict[str, Any]:
    """All that a model is given, as JSON has it."""
    own = options.nested(row.given, is_text=row.is_text)
    together = options.merged(shared, own)
    if "corpus" not in together:
        raise BadModels(f"it has no corpus: name its text, here or in {defaults}")
    found = _validated(together)
    check_corpus(found.corpus)
    return found.model_dump(mode="json", exclude_unset=True)


def check_corpus(corpus: str | Sequence[str]) -> None:
    """Refuse addresses that are malformed, hold secrets, or are not for this worker to read."""
    for url in urls_of(corpus):
        check_url(url, "corpus", CorpusError)
        check_allowed(start_of(url, wildcards), "corpus", CorpusError)


def _validated(given: Mapping[str, Any]) -> RetrainOptions:
    try:
        return RetrainOptions.model_validate(given)
    except ValidationError as error:
        option, sentence = first_wrong(error, options.meanings)
        raise BadModels(f"{option}: {sentence}") from None


def _without(given: Mapping[Any, Any], name: str) -> dict[Any, Any]:
    return {key: value for key, value in given.items() if key != name}
