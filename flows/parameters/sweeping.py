"""The options of a sweep: which cells are trained, and how long each before the best go on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator

from flows.parameters.section import Section, whole_number

most_cells = 1000
Value = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=100)] | None
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]


class SweepOptions(Section):
    """The grid of options, how much of it is trained, and successive halving."""

    options: dict[str, Annotated[list[Value], Field(max_length=most_cells)]] = Field(
        {},
        max_length=100,
        title="Options",
        description='Lists of values by dotted name, as {"training.hidden_size": [64, 128], "seed":'
        " [0, 1]}: a cell for each combination; on the command line the options themselves take"
        " lists, with commas",
    )
    random: Annotated[int, Field(ge=1, le=most_cells)] | None = Field(
        None,
        title="Random",
        description="Draw so many cells of the grid, 1 to 1,000; if not given all are trained",
    )
    seed: int = Field(
        0, ge=0, le=2**63 - 1, title="Seed", description="Seed of that draw, 0 or more"
    )
    rungs: (
        Annotated[int, Field(ge=1, le=20)]
        | Annotated[tuple[Epochs, ...], Field(min_length=1, max_length=20)]
    ) = Field(
        1,
        title="Rungs",
        description="How often cells are compared, 1 to 20, after epochs that grow by the factor; or a"
        " list of two epochs or more, of which the last is the end",
    )
    factor: int = whole_number(
        3, (2, 100), "Factor", "One in so many cells goes on to the next rung"
    )

    @field_validator("rungs")
    @classmethod
    def _without_list_of_one(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        """The command line makes a list of a number."""
        return value[0] if isinstance(value, tuple) and len(value) == 1 else value
