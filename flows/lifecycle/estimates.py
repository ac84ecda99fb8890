"""Estimates: what a run takes in memory, disk, files and time, before anything is stored."""

from __future__ import annotations

from typing import NamedTuple

from flows.lifecycle.evaluation import shortest_training_sample
from flows.lifecycle.gates import gate_bytes
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.schedule import operations_per_second
from flows.lifecycle.work import Work
from flows.parameters import SamplingOptions
from flows.storage import bounds, datasets
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.datasets import ScannedText
from flows.storage.open_run import OpenRun
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import Hyperparameters, estimates

program_bytes = 300_000_000  # Python, Prefect and numba
text_bytes = 40_000_000  # what reads, encodes and profiles a text, however long
block_bytes = 40  # of memory for each of its blocks
stored_block_bytes = 10
window_bytes = 40_000_000  # of the text that is trained on
read_bytes = 48  # of memory for each character of held-out text: tokens, and nats of two networks
state_copies = 5  # of a state while it is written or read
files_of_dataset = 6  # with its profile, and the record of its source
text_copies = 6  # of samples: rows, columns, the file, and read back
row_bytes = 3000  # of a sample without its texts
table_row_bytes = 300  # the same in a table
record_bytes = 4096  # of a small object, with a checkpoint's header
checkpoint_operations = 0.05 * operations_per_second  # a task of Prefect


class Estimate(NamedTuple):
    """What some work takes: the most memory at a time; disk, files and operations in all."""

    memory: int = 0  # bytes
    disk: int = 0  # bytes
    files: int = 0
    operations: float = 0
    objects: tuple[bounds.Planned, ...] = ()  # those that may be too large to be read back

    @property
    def hours(self) -> float:
        """Time at the nominal speed."""
        return self.operations / operations_per_second / 3600


def estimate(
    store: Store, dataset: ScannedText, request: TrainingRequest | None, work: Work | None
) -> Estimate:
    """What it takes to store a dataset and to do the `work` that serves `request`, if one is given,
    less what the store has already.
    """
    blocks = len(dataset.table.lengths)
    size = dataset.characters * dataset.vocabulary.dtype.itemsize + stored_block_bytes * blocks
    exists = datasets.exists(store, dataset.dataset_id)
    stored = Estimate(disk=0 if exists else size, files=0 if exists else files_of_dataset)
    parts = [stored, *(_training(store, dataset, request, work) if request and work else [])]
    found = _together(parts, program_bytes + min(text_bytes, 16 * size) + block_bytes * blocks)
    if store.local_file(".") is None:  # then the cache of tokens is all that is on a local disk
        return found._replace(disk=size if request else 0)
    return found


def estimate_report(
    opened: OpenRun, record: CheckpointRecord, sampling: SamplingOptions
) -> Estimate:
    """What it takes to report on a checkpoint; a report that exists takes nothing."""
    if _is_reported(opened.store, opened.model, opened.run_id, record, sampling):
        return Estimate(program_bytes)
    snapshots = len(opened.log.records())
    samples = _samples(opened.vocabulary, opened.run.network(), sampling, snapshots)
    if opened.store.local_file(".") is None:
        samples = samples._replace(disk=0)
    return _together([samples], program_bytes)


def _training(
    store: Store, dataset: ScannedText, request: TrainingRequest, work: Work
) -> list[Estimate]:
    """Training from the newest checkpoint on, evaluation, and the samples."""
    if work.answer:
        return []
    records = CheckpointLog(store, request.model, work.run.run_id).records()
    record = records[-1] if records else None
    iteration = record.iteration if record else 0
    checkpoints = int(record is None)
    if iteration < work.schedule.goal:
        checkpoints += work.schedule.checkpoints(iteration)
    checked = 0 if work.is_done else gate_bytes(len(work.vocabulary), dataset.characters)
    parts = [_chunks(request, dataset, work, iteration, checkpoints), Estimate(memory=checked)]
    if request.sampling and (
        record is None
        or record.iteration < work.schedule.goal
        or not _is_reported(store, request.model, work.run.run_id, record, request.sampling)
    ):
        network, snapshots = request.training.network(), len(records) + checkpoints
        parts.append(_samples(work.vocabulary, network, request.sampling, snapshots))
    return parts


def _chunks(
    request: TrainingRequest, dataset: ScannedText, work: Work, iteration: int, checkpoints: int
) -> Estimate:
    """The iterations after `iteration`, `checkpoints` and evaluations."""
    network, V = request.training.network(), len(work.vocabulary)
    left = max(0, work.schedule.goal - iteration)
    state = estimates.state_bytes(V, network)
    held_out = request.divide(dataset).held_out.characters
    read = min(held_out, request.evaluation.maximum_characters)
    evaluated = sum(1 for at in work.schedule.evaluations(work.schedule.goal) if at > iteration)
    both = (evaluated + 2) * (read + max(read, shortest_training_sample))
    payload = state + 16 * V + record_bytes
    smaller = "make hidden_size or batch_size smaller"
    planned = bounds.Planned("a checkpoint", payload, bounds.payload, "bytes", smaller)
    return Estimate(
        memory=max(
            estimates.training_bytes(V, network),
            estimates.initial_bytes(V, network),
            estimates.reading_bytes(V, network),
            state_copies * state,
        )
        + min(window_bytes, 8 * dataset.characters)
        + read_bytes * read,
        disk=checkpoints * payload,
        files=2 * checkpoints + evaluated + 5 * (checkpoints > 0),  # and run, lock, decision
        operations=left * estimates.training_operations(V, network)
        + checkpoints * checkpoint_operations
        + both * estimates.reading_operations(V, network.hidden_size),
        objects=(planned,) if checkpoints else (),
    )


def _samples(
    vocabulary: Vocabulary, network: Hyperparameters, options: SamplingOptions, snapshots: int
) -> Estimate:
    """The samples of a report, each read again for its surprise, and the file with snapshots."""
    from flows.reporting.samples import samples_at_once, snapshot_length
    from flows.storage import reports  # pyarrow takes 40 MB: only what has samples needs it

    V, count = len(vocabulary), len(options.temperatures) * options.samples_each
    widest = 3  # bytes of U+FFFD, for bytes that are no UTF-8
    if vocabulary.unit == "character":
        widest = len(vocabulary.characters[-1].encode("utf-8", "surrogatepass"))
    priming = len(options.primings[0].encode("utf-8", "surrogatepass"))
    text = widest * options.length + priming
    taken = snapshots * (widest * snapshot_length + table_row_bytes)
    file = taken + count * (widest * options.length + 100) + priming + record_bytes
    table = taken + count * (text + table_row_bytes)
    drawn = 4 * 8 * min(count, samples_at_once) * options.length  # numbers and tokens
    return Estimate(
        memory=max(
            estimates.reading_bytes(V, network) + drawn,
            state_copies * estimates.state_bytes(V, network),
        )
        + count * (row_bytes + text_copies * text),
        disk=file,
        files=2,
        operations=2
        * count
        * options.length
        * estimates.reading_operations(V, network.hidden_size),
        objects=reports.planned("a report", rows=count + snapshots, file=file, table=table),
    )


def _is_reported(
    store: Store, model: str, run_id: str, record: CheckpointRecord, sampling: SamplingOptions
) -> bool:
    from flows.reporting.writing import report_identity
    from flows.storage import reports  # as above

    return reports.exists(store, model, report_identity(run_id, record.digest, sampling))


def _together(parts: list[Estimate], memory: int) -> Estimate:
    """All of `parts`, one after the other, on top of `memory`."""
    return Estimate(
        memory=memory + max(part.memory for part in parts),
        disk=sum(part.disk for part in parts),
        files=sum(part.files for part in parts),
        operations=sum(part.operations for part in parts),
        objects=tuple(planned for part in parts for planned in part.objects),
    )
