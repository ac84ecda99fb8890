"""What can go wrong in a flow, beyond what its lower floors raise.

FlowError
├── TrainingStopped     training diverged; the last good checkpoint is kept
├── RunCancelled        somebody cancelled the run, and a checkpoint was written
└── ServerUnavailable   Prefect's server does not answer, or does not let us in
"""

from flows.storage.exceptions import StorageError
from rnncore import RnncoreError


class FlowError(Exception):
    """Base of every error that the flows raise on purpose."""


class TrainingStopped(FlowError):
    """Training diverged; the last good checkpoint is kept."""


class RunCancelled(FlowError):
    """Somebody cancelled the run, and a checkpoint was written."""


class ServerUnavailable(FlowError):
    """Prefect's server does not answer, or does not let us in."""


expected_errors = (FlowError, StorageError, RnncoreError)  # each message is for people
