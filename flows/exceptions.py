"""Every error that this project raises on purpose. Each message is one visible line for people.

StorageError
├── CorpusError             a source that cannot be read, or a text that cannot be trained on
│   └── CorpusUnavailable   the same, but it may work later (transient)
├── StoreError              a store that cannot be used
│   ├── StoreUnavailable    the same, but it may work later (transient)
│   ├── ObjectMissing       object not found
│   ├── ObjectExists        the object exists already (create-if-absent)
│   └── UnsafeStore         two writers could overwrite each other there
├── NotDurable              written, but not synced to disk
│   └── NotDurableYet       the same, but it may work later (transient)
├── DamagedObject           a corrupt object: its bytes are not what its record says
├── NewerFormat             written by a newer version of this program
├── UnknownObject           no dataset, run or checkpoint of that name
│   └── CheckpointRetired   it was there, and retention removed it
└── RunConflict             another run has advanced the same model
FlowError
├── TrainingStopped         training diverged; the last good checkpoint is kept
├── RunCancelled            the run was cancelled, and a checkpoint was written
├── GateFailed              the text is not like the champion's, so nothing was trained
├── BadModels               a table of models that cannot be used
├── ModelFailed             one model of a fleet was not retrained; the others go on
│   └── ModelDelayed        the same, since Prefect's server did not answer (transient)
├── FleetFailed             fewer models of a fleet were retrained than was asked for
├── OptionConflict          options that do not go together, or one that is missing
├── LimitExceeded           a request that takes more memory, disk, files or time than there is
├── ServerUnavailable       Prefect's server does not answer, or refuses the connection
└── EngineUnavailable       a Dask cluster that cannot be used as it is
    └── EngineLost          its scheduler or a worker has gone (transient)
"""

from flows.visible import visible
from rnncore import RnncoreError
from rnncore.exceptions import Travelling


class ExpectedError(Travelling):
    """Base of all: names of files, replies of servers and records cannot hide in its message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(visible(message))


class TransientError(Exception):
    """Mixin of errors that may not occur again: the only ones after which a task is retried."""


class StorageError(ExpectedError):
    """Base of every error of corpora and stores."""


class CorpusError(StorageError):
    """A source cannot be read, or its text cannot be trained on."""


class CorpusUnavailable(CorpusError, TransientError):
    """A source cannot be read now: a network, a server or a disk failed."""


class StoreError(StorageError):
    """The store cannot be used as it is."""


class StoreUnavailable(StoreError, TransientError):
    """The store cannot be used now: a network, a server or a disk failed."""


class ObjectMissing(StoreError):
    """The store has no object at that path."""


class ObjectExists(StoreError):
    """Create-if-absent found an object at that path."""


class UnsafeStore(StoreError):
    """The store ignores create-if-absent, so two writers could overwrite each other."""


class NotDurable(StorageError):
    """The object exists, but could not be synced: it may not survive a loss of power.

    No `StoreError`: code that catches one reads what exists at the path, and would find it.
    """


class NotDurableYet(NotDurable, TransientError):
    """The object exists, but could not be synced now: a disk failed."""


class DamagedObject(StorageError):
    """A corrupt object: its bytes are not what its record says; names the object and the reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class NewerFormat(StorageError):
    """Written by a newer version of this program: intact, but not readable by this one."""

    def __init__(self, name: str, found: object, known: int) -> None:
        super().__init__(
            f"{name}: format {found} is newer than this program ({known}): update it to read this"
        )
        self.name = name
        self.found = found
        self.known = known


class UnknownObject(StorageError):
    """The store has no dataset, run or checkpoint of that name."""


class CheckpointRetired(UnknownObject):
    """The checkpoint was removed by retention, as its run's log says."""


class RunConflict(StorageError):
    """Another run has advanced the same model since this one read its log."""


class FlowError(ExpectedError):
    """Base of every error of the flows themselves."""


class TrainingStopped(FlowError):
    """Training diverged; the last good checkpoint is kept."""


class RunCancelled(FlowError):
    """The run was cancelled, and a checkpoint was written."""


class GateFailed(FlowError):
    """The text differs from the champion's by more than the gates allow; nothing was trained."""


class OptionConflict(FlowError):
    """Options that do not go together, or one that is missing."""


class BadModels(FlowError):
    """A table of models that cannot be used: names its row and option, and what is expected."""


class ModelFailed(FlowError):
    """One model of a fleet was not retrained; the others go on."""

    flow_run_id: str | None = None  # of its retraining
    seconds = 0.0  # that it took


class ModelDelayed(ModelFailed, TransientError):
    """One model of a fleet was not retrained, since Prefect's server did not answer."""


class FleetFailed(FlowError):
    """Fewer models of a fleet were retrained, or found unchanged, than was asked for."""


class LimitExceeded(FlowError):
    """A request takes more memory, disk, files or time than there is, or than is allowed."""


class ServerUnavailable(FlowError):
    """Prefect's server does not answer, or refuses the connection."""


class EngineUnavailable(FlowError):
    """A Dask cluster cannot be used: no scheduler answers, or its workers are not like this process."""


class EngineLost(EngineUnavailable, TransientError):
    """The scheduler of a Dask cluster, or a worker, has gone in the middle of the work."""


expected_errors = (FlowError, StorageError, RnncoreError)  # each message is for people
