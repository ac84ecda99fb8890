"""The parameters that a flow takes itself: type, bounds, title, description and default of each.

A flow's signature names one as in `encoding: Encoding = default(Encoding)`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from flows.parameters.reading import ReadingOptions
from flows.parameters.sampling import SamplingOptions
from flows.parameters.scoring import ScoringOptions
from flows.parameters.sections import (
    EvaluationOptions,
    GateOptions,
    PromotionOptions,
    RetentionOptions,
    TrainingOptions,
)
from flows.parameters.sweeping import SweepOptions
from flows.storage.url_pattern import address_pattern, query_names

longest_address = 4096  # characters, as of a path
longest_reason = 1000  # characters
model_name_pattern = r"^[a-z0-9][a-z0-9-]{0,63}$"  # serves as folder, artifact key and limit name

engine_pattern = r"^(threads(:[1-9][0-9]{0,2})?|(tcp|tls)://([\w.-]+|\[[\da-f:.]+\]):\d{1,5})$"


def described(title: str, description: str, **schema: str) -> Any:
    """Title and description in the form and in `--help`, and more of the form's JSON schema.

    Prefect takes those of a flow's own parameters from `json_schema_extra` alone.
    """
    return Field(json_schema_extra={"title": title, "description": description, **schema})


class Default(NamedTuple):
    """The default of a parameter, among the metadata of its type."""

    value: Any


def default(parameter: Any) -> Any:
    """The default in the definition of `parameter`.

    >>> default(Encoding)
    'utf-8'
    """
    return next(item.value for item in parameter.__metadata__ if isinstance(item, Default))


# A server refuses what has a secret before it stores it; pydantic's own patterns have no look-ahead.
no_secret = {"pattern": address_pattern(query_names())}
Address = Annotated[
    str, Field(min_length=1, max_length=longest_address, json_schema_extra=no_secret)
]

Corpus = Annotated[
    Address | Annotated[list[Address], Field(min_length=1, max_length=10_000)],
    described("Corpus", "Path, pattern or fsspec URL of the text, or a list of them"),
    Default("data/corpus/*.txt"),
]
Encoding = Annotated[
    str,
    Field(min_length=1, max_length=100),
    described("Encoding", "Encoding of the text's bytes, such as utf-8 or latin-1"),
    Default("utf-8"),
]
Reading = Annotated[
    ReadingOptions,
    described("Reading", "How the corpus is found, and how its bytes become text"),
    Default(ReadingOptions()),
]
StoreUrl = Annotated[
    str,
    Field(min_length=1, max_length=longest_address),
    described(
        "Store",
        "Folder or fsspec URL where datasets, checkpoints and reports are kept",
        **no_secret,
    ),
    Default("data/store"),
]
ModelName = Annotated[
    str,
    Field(max_length=64, pattern=model_name_pattern),
    described(
        "Model",
        "Name of the model: 1 to 64 of a-z, 0-9 and -, starting with a letter or digit",
    ),
    Default("default"),
]
RunId = Annotated[
    Annotated[str, Field(max_length=16, pattern=r"^[0-9a-f]{16}$")] | None,
    described(
        "Run",
        "Run to take the checkpoint from, 16 hexadecimal digits as in models/<model>/runs;"
        " the champion's if not given",
    ),
    Default(None),
]
RegistryAction = Annotated[
    Literal["list", "show", "promote", "rollback", "page", "export", "tables"],
    described(
        "Action",
        "list the versions, show where one comes from, promote one by hand, rollback to an earlier"
        " champion, draw the model's page, export a version for PyTorch and onnxruntime, or write"
        " curves and decisions as tables in Parquet",
    ),
    Default("list"),
]
VersionNumber = Annotated[
    Annotated[int, Field(ge=0, lt=10**12)] | None,
    described(
        "Version",
        "Number of a version; if not given the champion, for rollback the champion before it",
    ),
    Default(None),
]
ReportedVersion = Annotated[
    Annotated[int, Field(ge=0, lt=10**12)] | None,
    described(
        "Version",
        "Number of the version to sample, as `registry list` shows it; the champion if not given",
    ),
    Default(None),
]
Reason = Annotated[
    str,
    Field(max_length=longest_reason),
    described("Reason", "Why, in a sentence that is kept with the decision"),
    Default(""),
]
ReportId = Annotated[
    Annotated[str, Field(max_length=16, pattern=r"^[0-9a-f]{16}$")] | None,
    described("Report", "Report to show the origin of, as in the report_id of its rows"),
    Default(None),
]
RunOfOrigin = Annotated[
    Annotated[str, Field(max_length=16, pattern=r"^[0-9a-f]{16}$")] | None,
    described("Run", "Run to show the origin of, as in the run_id of a report's rows"),
    Default(None),
]
CheckpointDigest = Annotated[
    Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")] | None,
    described("Checkpoint", "Checkpoint to show the origin of: the SHA-256 that is its name"),
    Default(None),
]
DatasetId = Annotated[
    Annotated[str, Field(max_length=16, pattern=r"^[0-9a-f]{16}$")] | None,
    described("Dataset", "Dataset to show what comes from it"),
    Default(None),
]
ExportFolder = Annotated[
    Annotated[str, Field(min_length=1, max_length=longest_address)] | None,
    described(
        "Folder",
        "Folder or fsspec URL to export to; if not given exports/<model>/<version> in the store",
        **no_secret,
    ),
    Default(None),
]
Seed = Annotated[
    int,
    Field(ge=0, le=2**63 - 1),
    described(
        "Seed", "Seed of the first weights and of the snapshots drawn while training; 0 or more"
    ),
    Default(0),
]
SingleWriter = Annotated[
    bool,
    described(
        "Single writer",
        "Allow a store without create-if-absent; only one run at a time may write to it",
    ),
    Default(False),
]
WhenBusy = Annotated[
    Literal["wait", "stop"],
    described(
        "When busy", "What to do while another run trains the same model: wait for it, or stop"
    ),
    Default("wait"),
]
Engine = Annotated[
    str,
    Field(max_length=300, pattern=engine_pattern),
    described(
        "Engine",
        "What runs the pieces of the work: threads (one a core), threads:N, or the address of a Dask"
        " scheduler, such as tcp://127.0.0.1:8786",
    ),
    Default("threads"),
]
Models = Annotated[
    str,
    Field(min_length=1, max_length=longest_address),
    described(
        "Models",
        "Path or fsspec URL of a table of models, in YAML, JSON, CSV or Parquet: a row each, with model,"
        " corpus and any option of retrain by its dotted name",
        **no_secret,
    ),
    Default("models.yaml"),
]
MinimumSuccess = Annotated[
    float,
    Field(ge=0, le=1),
    described(
        "Minimum success",
        "Share of the models that must be retrained or unchanged, 0 to 1: with fewer the run has failed",
    ),
    Default(1.0),
]
Training = Annotated[
    TrainingOptions,
    described("Training", "The network, and how long and in what steps it is trained"),
    Default(TrainingOptions()),
]
Evaluation = Annotated[
    EvaluationOptions,
    described("Evaluation", "Text that is kept from training, to evaluate on"),
    Default(EvaluationOptions()),
]
Sampling = Annotated[
    SamplingOptions,
    described("Sampling", "The samples of the report"),
    Default(SamplingOptions()),
]
Scoring = Annotated[
    ScoringOptions,
    described("Scoring", "What a row of the scores is, and which rows are surprising"),
    Default(ScoringOptions()),
]
Sweep = Annotated[
    SweepOptions,
    described("Sweep", "Which cells are trained, and how the best of them is found"),
    Default(SweepOptions()),
]
Promotion = Annotated[
    PromotionOptions,
    described("Promotion", "When a checkpoint becomes champion"),
    Default(PromotionOptions()),
]
Retention = Annotated[
    RetentionOptions,
    described("Retention", "Which checkpoints are kept"),
    Default(RetentionOptions()),
]
Force = Annotated[
    bool,
    described(
        "Force",
        "Train again what is done already, from the champion or as training.start_from says",
    ),
    Default(False),
]
Gates = Annotated[
    GateOptions,
    described("Gates", "Checks of the text against the champion's, before any training"),
    Default(GateOptions()),
]
