"""The cells of a sweep: each combination of the listed values, or some that are drawn from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from flows.exceptions import OptionConflict
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.sweeps.rungs import rung_epochs
from flows.parameters import Seed, SweepOptions, TrainingOptions
from flows.parameters.sweeping import most_cells
from rnncore import RnncoreError

most_grid = 10**12  # cells of which some are drawn
most_draws = 100  # for each cell that is asked for, where values come from ranges
sizes = ("hidden_size", "seq_length", "batch_size", "shards", "round_iterations")
rates = ("learning_rate", "gradient_clip", "adagrad_decay", "outer_momentum", "outer_learning_rate")
whole_numbers = {"seed", *(f"training.{name}" for name in sizes)}
numbers = {f"training.{name}" for name in rates}
by_rungs = (
    "is not an option to list: give these epochs as sweep.rungs, which compares all cells there"
)
refused = {
    "training.epochs": by_rungs,
    "training.epochs_warm": by_rungs,
    "training.checkpoint_every": "changes no result: give it one value",
    "evaluation": "is the same for all cells, which are measured on one text: give it one value",
    **dict.fromkeys(
        ("corpus", "encoding", "reading"), "is the same for all cells, which read one text"
    ),
    **dict.fromkeys(
        ("gates", "promotion", "retention", "sampling"),
        "is about the one cell that is judged: give it one value",
    ),
    **dict.fromkeys(
        ("model", "store", "engine", "when_busy", "single_writer", "sweep", "force"),
        "is of the sweep, not of a cell: give it one value",
    ),
}
a_range = re.compile(r"([0-9.eE+-]*[0-9])\.\.([0-9.][0-9.eE+-]*)")

Options = dict[str, Any]  # value by dotted name, in the order of the names


class Range(NamedTuple):
    """Values between two numbers, of which the logarithms are drawn evenly."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator, *, whole: bool) -> float:
        """One of them: a whole number, or one of three digits."""
        value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        value = min(max(value, self.low), self.high)
        return round(value) if whole else float(f"{value:.3g}")


class Cell(NamedTuple):
    """A combination of values, and the training that it asks for."""

    number: int  # from 1
    options: Options
    request: TrainingRequest

    @property
    def name(self) -> str:
        """For people."""
        return f"cell {self.number} ({', '.join(f'{k} {v}' for k, v in self.options.items())})"


def cells_of(base: TrainingRequest, sweep: SweepOptions) -> list[Cell]:
    """The cells that a sweep asks for, each checked as the form checks a training.

    `OptionConflict` names the option, its value or the cell that is wrong.
    """
    training = base.training
    changes: Options = {"start_from": "scratch"} if training.start_from == "auto" else {}
    if isinstance(sweep.rungs, tuple):
        changes |= {"epochs": sweep.rungs[-1], "epochs_warm": sweep.rungs[-1]}
    base = base.model_copy(update={"training": training.model_copy(update=changes)})
    values = _checked(sweep)
    chosen = _grid(values) if sweep.random is None else _drawn(values, sweep)
    return [_cell(base, number, one, sweep) for number, one in enumerate(chosen, 1)]


def _checked(sweep: SweepOptions) -> dict[str, Sequence[Any] | Range]:
    """The values of each option that is listed, by its name, checked; names in their order."""
    if not sweep.options:
        raise OptionConflict(
            "a sweep needs at least one option with a list of values, such as"
            " --training.hidden_size 64,128 or, in the form, sweep.options"
        )
    found: dict[str, Sequence[Any] | Range] = {}
    for name, values in sorted(sweep.options.items()):
        _check_name(name)
        if not values:
            raise OptionConflict(f"sweep.options: {name} has no values: give at least one")
        if limits := _range_of(name, values, sweep):
            found[name] = limits
            continue
        for place, value in enumerate(values):
            if value in values[:place]:
                raise OptionConflict(f"sweep.options: {name} has the value {value} twice")
        found[name] = values
    return found


def _check_name(name: str) -> None:
    """Refuse an option that is unknown, or that a cell cannot vary."""
    group, _, field = name.partition(".")
    if reason := refused.get(name) or refused.get(group):
        raise OptionConflict(f"sweep.options: {name} {reason}")
    if name != "seed" and (group != "training" or field not in TrainingOptions.model_fields):
        known = [f"training.{each}" for each in TrainingOptions.model_fields]
        names = ", ".join(["seed", *(each for each in known if each not in refused)])
        raise OptionConflict(f"sweep.options: no option is called {name!r}: a cell has {names}")


def _range_of(name: str, values: Sequence[Any], sweep: SweepOptions) -> Range | None:
    """The range that an option gives instead of a list, as "0.001..0.1"; None where it is a list."""
    ranges = [match for each in values if (match := a_range.fullmatch(str(each)))]
    if not ranges:
        return None
    shown = f"sweep.options: {name}: the range {ranges[0][0]}"
    if name not in whole_numbers | numbers:
        raise OptionConflict(f"{shown} is of an option that is no number: list its values")
    if len(values) > 1:
        raise OptionConflict(f"{shown} stands beside other values: give a range alone, or a list")
    if sweep.random is None:
        raise OptionConflict(f"{shown} is to draw from: say how many cells with sweep.random")
    try:
        low, high = (float(bound) for bound in ranges[0].groups())
    except ValueError:
        low = high = math.nan
    if not 0 < low < high < math.inf:
        raise OptionConflict(f"{shown} expected as low..high, of numbers above 0, the lower first")
    for bound in (low, high):
        _check_bound(name, bound)
    return Range(low, high)


def _check_bound(name: str, bound: float) -> None:
    """Refuse an end of a range that the option itself would refuse."""
    kind: Any = Seed
    if name != "seed":
        field = TrainingOptions.model_fields[name.removeprefix("training.")]
        kind = Annotated[field.annotation, *field.metadata]
    is_whole = name in whole_numbers and bound == int(bound)
    try:
        TypeAdapter(kind).validate_python(int(bound) if is_whole else bound, strict=True)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise OptionConflict(
            f"sweep.options: {name} {bound:g}: {message[0].lower()}{message[1:]}"
        ) from error


def _grid(values: Mapping[str, Any]) -> Iterator[Options]:
    """All combinations, the values of the last option changing first."""
    _size(values, most_cells, "set sweep.random to draw some of them")
    return (dict(zip(values, one, strict=True)) for one in product(*values.values()))


def _drawn(values: Mapping[str, Any], sweep: SweepOptions) -> list[Options]:
    """As many different combinations as are asked for, or all where there are fewer."""
    rng, wanted = np.random.default_rng(sweep.seed), sweep.random or 0
    if not any(isinstance(each, Range) for each in values.values()):
        total = _size(values, most_grid, "list fewer values")
        places = np.sort(rng.choice(total, min(wanted, total), replace=False))
        return [_at(values, int(place)) for place in places]
    found: list[Options] = []
    for _ in range(most_draws * wanted):
        one = {name: _draw(name, each, rng) for name, each in values.items()}
        if one not in found:
            found.append(one)
        if len(found) == wanted:
            break
    return found


def _draw(name: str, values: Sequence[Any] | Range, rng: np.random.Generator) -> Any:
    if isinstance(values, Range):
        return values.draw(rng, whole=name in whole_numbers)
    return values[int(rng.integers(len(values)))]


def _at(values: Mapping[str, Sequence[Any]], place: int) -> Options:
    """The combination at a place of the grid."""
    found: Options = {}
    for name, each in reversed(list(values.items())):
        place, at = divmod(place, len(each))
        found[name] = each[at]
    return dict(sorted(found.items()))


def _size(values: Mapping[str, Sequence[Any]], most: int, instead: str) -> int:
    """Cells of the grid, at most so many."""
    total = math.prod(len(each) for each in values.values())
    if total > most:
        raise OptionConflict(
            f"the grid of {' × '.join(values)} has {total:,} cells, at most {most:,} expected:"
            f" {instead}"
        )
    return total


def _cell(base: TrainingRequest, number: int, options: Options, sweep: SweepOptions) -> Cell:
    """A cell, checked as the form checks a training; its values are of the types of its options."""
    cell = Cell(number, options, base)
    training = {name.removeprefix("training."): value for name, value in options.items()}
    seed = training.pop("seed", base.seed)
    try:
        TypeAdapter(Seed).validate_python(seed, strict=True)
        content = base.training.model_dump() | training
        checked = TrainingOptions.model_validate(content, strict=True)
        checked.network()
        if checked.start_from != "auto":  # then it is known where the text is
            rung_epochs(sweep, _epochs(checked))
    except ValidationError as error:
        raise OptionConflict(f"{cell.name}: {_sentence(error)}") from error
    except RnncoreError as error:
        raise OptionConflict(f"{cell.name}: {error}") from error
    typed = {name: getattr(checked, name.removeprefix("training."), seed) for name in options}
    return Cell(number, typed, base.model_copy(update={"training": checked, "seed": seed}))


def _epochs(training: TrainingOptions) -> int:
    return training.epochs if training.start_from == "scratch" else training.epochs_warm


def _sentence(error: ValidationError) -> str:
    """What is wrong with a value: of one that may be of several kinds, of the last of these."""
    found = error.errors()[-1]
    name = ".".join(["training", str(found["loc"][0])] if found["loc"] else ["seed"])
    return f"{name}: {found['msg'][0].lower()}{found['msg'][1:]}, found {found['input']!r}"
