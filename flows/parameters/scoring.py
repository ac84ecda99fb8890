"""The options of scoring: what a row is, and which rows are surprising."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from flows.parameters.section import Section, whole_number

ScoredUnit = Literal["line", "document", "window"]


class ScoringOptions(Section):
    """How a text is cut into rows, and from which score on a row is surprising."""

    unit: ScoredUnit = Field(
        "line",
        title="Rows",
        description="What a row of the scores is: line, document (a file, or a row of a table's"
        " column) or window (of a fixed length)",
    )
    window: int = whole_number(1000, (1, 10_000), "Window", "Characters of a window")
    span: int = whole_number(
        20, (1, 1000), "Span", "Characters of the most surprising part that is shown of a row"
    )
    longest: int = whole_number(
        10_000,
        (1000, 1_000_000),
        "Longest piece",
        "Characters of a row that are read at once; a longer row is read in pieces, each after the"
        " 32 characters before it",
    )
    threshold: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        None,
        title="Threshold",
        description="Nats per character above which a row is surprising; if not given, what 999 of"
        " 1,000 rows of the run's held-out text do not exceed",
    )
    alert_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        title="Alert share",
        description="Share of surprising rows above which the run is an alert; if not given 0, or"
        " 0.01 where no threshold is given",
    )

    def shaping(self) -> dict[str, Any]:
        """What decides the rows and which of them are surprising."""
        return self.model_dump(mode="json", exclude={"alert_share"})

    @property
    def most_surprising(self) -> float:
        """Share of surprising rows that is no alert yet."""
        if self.alert_share is not None:
            return self.alert_share
        return 0.01 if self.threshold is None else 0.0
