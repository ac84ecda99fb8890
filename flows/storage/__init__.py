"""Persistent storage behind fsspec: logs, datasets, runs, checkpoints, versions, reports.

It knows nothing of Prefect: open a store in a notebook and read what the flows wrote.
"""

from flows.storage.checkpoints import Checkpoint, CheckpointLog, CheckpointRecord, EvaluationRecord
from flows.storage.log import Log, Record
from flows.storage.open_run import OpenRun, open_run
from flows.storage.payload import Payload, read_payload
from flows.storage.registry import Champion, Registry
from flows.storage.runs import Run
from flows.storage.stores import Store, open_store
from flows.storage.versions import Version

__all__ = [
    "Champion",
    "Checkpoint",
    "CheckpointLog",
    "CheckpointRecord",
    "EvaluationRecord",
    "Log",
    "OpenRun",
    "Payload",
    "Record",
    "Registry",
    "Run",
    "Store",
    "Version",
    "open_run",
    "open_store",
    "read_payload",
]
