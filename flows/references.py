"""What passes between tasks: small names of things in the store, never the things."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Reference(BaseModel):
    """Frozen and made of JSON's types."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetRef(Reference):
    """A dataset in a store."""

    store: str
    dataset_id: str
    characters: int
    vocabulary_size: int
    corpus: tuple[str, ...]  # URLs that it was read from, without secrets


class RunRef(Reference):
    """A run in a store, and the text it was prepared for."""

    store: str
    model: str
    run_id: str
    dataset_id: str
    corpus: tuple[str, ...]


class CheckpointRef(Reference):
    """A committed checkpoint of a run."""

    run: RunRef
    iteration: int
    digest: str  # SHA-256 of the payload


class VersionRef(Reference):
    """A decision in a model's registry, in words."""

    number: int
    decision: Literal["promoted", "rejected"]
    reason: str
    champion: int | None  # number of the model's champion now


class ReportRef(Reference):
    """A report in a store."""

    store: str
    report_id: str
    url: str
    rows: int
