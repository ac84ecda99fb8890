"""What all groups of options have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A group of options that belong together; unknown names are refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def whole_number(default: int, bounds: tuple[int, int], title: str, meaning: str) -> Any:
    """A field whose description names its bounds, which the form and `--help` do not show."""
    low, high = bounds
    description = f"{meaning}; {low} to {high:,}"
    return Field(default, ge=low, le=high, title=title, description=description)
