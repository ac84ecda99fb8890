"""The options of a report's samples: a grid of priming texts, temperatures and seeds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from flows.parameters.section import Section, whole_number

most_values = 1000  # of priming texts, of seeds
most_priming = 100_000  # characters

Priming = Annotated[str, Field(max_length=most_priming)]
SampleSeed = Annotated[int, Field(ge=0, le=2**63 - 1)]


class SamplingOptions(Section):
    """The samples of a report: `samples_each` for each priming text, temperature and seed."""

    length: int = whole_number(
        200, (1, 1_000_000), "Length", "Characters that each sample has at most"
    )
    stop: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None,
        title="Stop",
        description="Text after which a sample ends, such as a line feed; if not given it ends at"
        " its length",
    )
    temperatures: tuple[Annotated[float, Field(ge=0, le=1e30)], ...] = Field(
        (0.5, 0.8, 1.0),
        min_length=1,
        max_length=100,
        title="Temperatures",
        description="Divisors of the scores, 0 or more: below 1 safer, above 1 wilder; 0 always takes"
        " the likeliest character",
    )
    samples_each: int = whole_number(
        4, (1, 10_000_000), "Samples each", "Samples at each temperature, priming text and seed"
    )
    priming: (
        Priming | Annotated[tuple[Priming, ...], Field(min_length=1, max_length=most_values)]
    ) = Field(
        "",
        title="Priming text",
        description="Text that the network reads first, up to 100,000 characters, or a list of them;"
        " empty: the corpus's first character",
    )
    seed: (
        SampleSeed | Annotated[tuple[SampleSeed, ...], Field(min_length=1, max_length=most_values)]
    ) = Field(
        0,
        title="Seed",
        description="Seed of the samples' random numbers, 0 or more, or a list of them",
    )
    top_k: Annotated[int, Field(ge=1, le=1_114_112)] | None = Field(
        None,
        title="Top k",
        description="Draw from so many of the likeliest characters; if not given from all",
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Top p",
        description="Draw from the fewest likeliest characters whose probabilities together are at"
        " least this; above 0, 1 draws from all",
    )
    hidden_state: Literal["zeros", "training"] = Field(
        "zeros",
        title="Hidden state",
        description="Hidden state before the priming text: zeros, or that of the training where the"
        " checkpoint was written",
    )
    unknown: Literal["fail", "skip", "nearest"] = Field(
        "fail",
        title="Unknown characters",
        description="Characters of a priming text that the model does not know: fail, skip them, or"
        " take the nearest that it knows (without accents, in the other case, or by width)",
    )
    always: bool = Field(
        False,
        title="Always",
        description="Write a report even where the same one was written in another week: the ISO week"
        " becomes part of its identity",
    )

    @field_validator("priming", "seed")
    @classmethod
    def _without_list_of_one(cls, value: Any) -> Any:
        return value[0] if isinstance(value, tuple) and len(value) == 1 else value

    @property
    def primings(self) -> tuple[str, ...]:
        """The priming texts, in order."""
        return (self.priming,) if isinstance(self.priming, str) else self.priming

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in order."""
        return (self.seed,) if isinstance(self.seed, int) else self.seed
