"""What passes between tasks: references to objects in the store, never the objects."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from flows.storage.profiles import ProfiledFile


class Reference(BaseModel):
    """Frozen, and made of JSON's types."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    url: str  # of the payload
    characters_per_second: float | None  # while it was trained; None where that is unknown
    is_last: bool = False  # training ends here, since patience is exhausted
    is_stopped: bool = False  # training was stopped, and goes on from here when it is run again


class VersionRef(Reference):
    """A decision in a model's registry, in words."""

    number: int
    decision: Literal["promoted", "rejected", "rolled_back"]
    reason: str
    champion: int | None  # number of the model's champion now
    champion_bits_per_character: float | None  # of the champion it was compared with, on its text
    warnings: tuple[str, ...] = ()
    is_new: bool = True  # decided just now
    copied: dict[str, tuple[float | None, float | None]] = {}  # samples, held-out text; by length


class AnswerRef(Reference):
    """The decision that answers a request whose run is done, and removed since."""

    version: VersionRef
    checkpoint: CheckpointRef
    held_out_bits_per_character: float | None


class WorkRef(Reference):
    """What a request to train comes to: a run, how far it goes, and where it starts."""

    run: RunRef
    parent: str | None  # digest of the checkpoint that the run starts from
    starts_from: str  # for people
    vocabulary_size: int
    iterations_per_epoch: int
    goal: int  # iterations
    checkpoint_every: int  # iterations
    evaluate_every: int | None  # epochs, where there is patience
    round_iterations: int = 1  # where there are rounds
    is_done: bool  # trained and decided
    answer: AnswerRef | None = None


class DatasetRef(Reference):
    """A dataset in a store."""

    store: str
    dataset_id: str
    url: str  # of its folder
    characters: int
    vocabulary_size: int
    corpus: tuple[str, ...]  # URLs that it was read from, without secrets
    answered: WorkRef | None = None  # where a decision answers; then the dataset is not stored
    is_profiled: bool = False  # the store has its profile
    files: tuple[ProfiledFile, ...] = ()  # what its profile says of them, where it has none yet


class ProfileRef(Reference):
    """The profile of a dataset in a store."""

    store: str
    dataset_id: str
    entropies: dict[int, float]  # bits per character by order


class MeasuredRef(Reference):
    """A checkpoint to judge, and how well it predicts text."""

    checkpoint: CheckpointRef
    train_bits_per_character: float
    held_out_bits_per_character: float | None  # None where nothing is held out


class StartRef(Reference):
    """The checkpoint that a training starts from, and whether there is anything left to train."""

    work: WorkRef
    checkpoint: CheckpointRef


class ReportRef(Reference):
    """A report in a store."""

    store: str
    report_id: str
    url: str
    rows: int


class SurprisingRef(Reference):
    """A row of scores, with what surprised the model."""

    file: str
    number: int
    nats_per_character: float
    span: str
    text: str  # its beginning


class ScoreRef(Reference):
    """The scores of a text in a store, and what was found."""

    model: str
    run_id: str
    version: int | None
    checkpoint_digest: str
    score_id: str
    score_url: str
    rows: int
    characters: int
    nats_per_character: float
    unknown: int
    threshold: float | None
    threshold_is_derived: bool
    surprising: int
    share: float
    is_alert: bool
    worst: tuple[SurprisingRef, ...]


class CellRef(Reference):
    """A cell of a sweep: a run, and the iterations at which its rungs end."""

    number: int  # from 1
    options: dict[str, bool | int | float | str | None]  # those that vary, by dotted name
    training: dict[str, bool | int | float | str | None]  # all, and the seed
    work: WorkRef
    goals: tuple[int, ...]  # iterations


class SweepRef(Reference):
    """The cells of a sweep, and how the best of them is found."""

    sweep_id: str
    cells: tuple[CellRef, ...]
    factor: int  # one cell in so many goes on

    @property
    def runs(self) -> dict[str, CellRef]:
        """The first cell of each run, by the run's name: some cells may be the same run."""
        found: dict[str, CellRef] = {}
        for cell in self.cells:
            found.setdefault(cell.work.run.run_id, cell)
        return found


class RungRef(Reference):
    """A run at the end of a rung of a sweep, or why it failed there."""

    run_id: str
    rung: int  # from 1
    iteration: int | None = None
    digest: str | None = None  # of the checkpoint
    bits: float | None = None  # per character, on the held-out blocks of even digest
    trained: int = 0  # iterations, just now
    goes_on: bool = False  # to the next rung
    error: str | None = None


class SweepTableRef(Reference):
    """The file of a sweep in a store."""

    url: str
    rows: int


class RetainedRef(Reference):
    """What retention removed of a model."""

    checkpoints: int  # those of removed runs too
    runs: int
    size: int  # bytes
    obstacles: tuple[str, ...]  # why more was not removed


class TidiedRef(Reference):
    """What was removed of a whole store."""

    datasets: int
    files: int  # that interrupted runs left
    obstacles: tuple[str, ...]


class ModelRow(Reference):
    """A row of a table of models: what its retraining is given."""

    place: str  # in its file, such as "row 3"
    options: dict[str, Any]  # of `RetrainOptions`, as JSON has them

    @property
    def model(self) -> str:
        """Its name."""
        return str(self.options["model"])


ModelOutcome = Literal["promoted", "rejected", "unchanged", "failed", "cancelled"]


class OutcomeRef(Reference):
    """What came of a model of a fleet: the columns of its file, which say what each is."""

    model: str
    place: str
    outcome: ModelOutcome
    version: int | None = None
    decision: str | None = None
    reason: str | None = None
    held_out_bits_before: float | None = None
    held_out_bits_after: float | None = None
    gain: float | None = None
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    characters: int | None = None
    bytes: int | None = None
    error: str | None = None
    run_id: str | None = None
    checkpoint_digest: str | None = None
    dataset_id: str | None = None
    flow_run_id: str | None = None
