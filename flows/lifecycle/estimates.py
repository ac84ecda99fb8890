"""Estimates: what a run takes in memory, disk, files and time, before anything is stored."""

from __future__ import annotations

import os
from typing import NamedTuple

from flows.lifecycle.evaluation import shortest_training_sample
from flows.lifecycle.gates import gate_bytes
from flows.lifecycle.ingestion import reading_threads
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.schedule import operations_per_second
from flows.lifecycle.work import Work
from flows.parameters import SamplingOptions
from flows.reporting.samples.drawing import samples_at_once
from flows.reporting.samples.grid import Grid, widest
from flows.reporting.samples.identity import report_identity, week_of
from flows.reporting.samples.priming import encode_primings, encode_stop
from flows.reporting.snapshots import snapshot_length
from flows.storage import bounds, datasets
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.datasets import ScannedText
from flows.storage.open_run import OpenRun
from flows.storage.report_files import ReportPlace
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import Hyperparameters, estimates

program_bytes = 300_000_000  # Python, Prefect and numba
text_bytes = 40_000_000  # what reads, encodes and profiles a text, however long
thread_bytes = 20_000_000  # more for each thread, where it has many files
block_bytes = 40  # of memory for each of its blocks
stored_block_bytes = 10
window_bytes = 40_000_000  # of the text that is trained on
read_bytes = 48  # of memory for each character of held-out text: tokens, and nats of two networks
state_copies = 5  # of a state while it is written or read
files_of_dataset = 6  # with its profile, and the record of its source
text_copies = 4  # of a part of a report: its batches, the table, the file, and read back
table_row_bytes = 600  # of a sample in a table, without its texts
stored_row_bytes = 200  # the same in a file
drawn_bytes = 100  # of memory for each character of samples that are drawn and measured together
measuring_operations = 2e-7 * operations_per_second  # for each character of a sample
searching_operations = 5e-8 * operations_per_second  # for each of the training text
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
    reading = text_bytes + thread_bytes * min(reading_threads(), len(dataset.files))
    found = _together(parts, program_bytes + min(reading, 16 * size) + block_bytes * blocks)
    if store.local_file(".") is None:  # then the cache of tokens is all that is on a local disk
        return found._replace(disk=size if request else 0)
    return found


def estimate_report(
    opened: OpenRun, record: CheckpointRecord, sampling: SamplingOptions
) -> Estimate:
    """What it takes to report on a checkpoint; a report that exists takes nothing."""
    if is_reported(opened.store, opened.model, opened.run_id, record, sampling):
        return Estimate(program_bytes)
    from flows.reporting.samples.writing import Report  # as below

    report = Report(opened, record.digest, sampling)
    vocabulary, characters = report.payload.vocabulary, report.training_characters
    encode_primings(vocabulary, sampling)  # refuse them before anything is drawn
    encode_stop(vocabulary, sampling)
    snapshots = len(opened.log.records())
    samples = _samples(vocabulary, opened.run.network(), sampling, snapshots, characters)
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
        or not is_reported(store, request.model, work.run.run_id, record, request.sampling)
    ):
        network, snapshots = request.training.network(), len(records) + checkpoints
        characters = request.divide(dataset).training.characters
        parts.append(_samples(work.vocabulary, network, request.sampling, snapshots, characters))
    return parts


def _chunks(
    request: TrainingRequest, dataset: ScannedText, work: Work, iteration: int, checkpoints: int
) -> Estimate:
    """The iterations after `iteration`, `checkpoints` and evaluations."""
    network, V = request.training.network(), len(work.vocabulary)
    left, shards = max(0, work.schedule.goal - iteration), request.training.shards
    state = estimates.state_bytes(V, network, shards)
    trained = estimates.training_bytes(V, network)
    if shards > 1:
        trained = estimates.rounds_bytes(V, network, shards, os.cpu_count() or 1)
    held_out = request.divide(dataset).held_out.characters
    read = min(held_out, request.evaluation.maximum_characters)
    evaluated = sum(1 for at in work.schedule.evaluations(work.schedule.goal) if at > iteration)
    both = (evaluated + 2) * (read + max(read, shortest_training_sample))
    payload = state + 16 * V + record_bytes
    smaller = f"make hidden_size{', shards' if shards > 1 else ''} or batch_size smaller"
    planned = bounds.Planned("a checkpoint", payload, bounds.payload, "bytes", smaller)
    return Estimate(
        memory=max(
            trained,
            estimates.initial_bytes(V, network),
            estimates.reading_bytes(V, network),
            state_copies * state,
        )
        + min(window_bytes, 8 * dataset.characters)
        + read_bytes * read,
        disk=(checkpoints + (shards > 1)) * payload,  # and the end of a round
        files=2 * checkpoints + evaluated + 5 * (checkpoints > 0),  # and run, lock, decision
        operations=left * shards * estimates.training_operations(V, network)
        + checkpoints * checkpoint_operations
        + both * estimates.reading_operations(V, network.hidden_size),
        objects=(planned,) if checkpoints else (),
    )


def _samples(
    vocabulary: Vocabulary,
    network: Hyperparameters,
    options: SamplingOptions,
    snapshots: int,
    characters: int,
) -> Estimate:
    """The samples of a report, in parts, compared with a text of so many characters; snapshots."""
    from flows.storage import reports  # pyarrow takes 40 MB: only what has samples needs it

    V, grid, bytes_each = len(vocabulary), Grid.of(options), widest(vocabulary)
    part = grid.part_samples(bytes_each)
    one = bytes_each * options.length + grid.longest_priming
    taken = snapshots * (bytes_each * snapshot_length + table_row_bytes)
    file = taken + part * (one + stored_row_bytes) + record_bytes
    table = taken + part * (one + table_row_bytes)
    together = min(grid.samples, samples_at_once(options.length))
    files = len(grid.parts(bytes_each)) + 1  # and the summary; each has a record
    return Estimate(
        memory=max(
            estimates.reading_bytes(V, network) + drawn_bytes * together * options.length,
            state_copies * estimates.state_bytes(V, network),
        )
        + text_copies * part * (one + table_row_bytes),
        disk=taken + grid.samples * (one + stored_row_bytes) + 2 * files * record_bytes,
        files=2 * files,
        operations=_drawing(grid, estimates.reading_operations(V, network.hidden_size))
        + -(-grid.samples // together) * characters * searching_operations,
        objects=reports.planned("a report", rows=part + snapshots, file=file, table=table),
    )


def _drawing(grid: Grid, character: float) -> float:
    """Operations to read the priming texts, and to draw and measure the samples."""
    drawn = grid.samples * grid.length
    return sum(map(len, grid.primings)) * character + drawn * (character + measuring_operations)


def is_reported(
    store: Store, model: str, run_id: str, record: CheckpointRecord, sampling: SamplingOptions
) -> bool:
    """Whether the report on a checkpoint is in the store."""
    from flows.storage import reports  # as above

    log = CheckpointLog(store, model, run_id)
    name = report_identity(run_id, record.digest, sampling, week_of(sampling))
    return reports.exists(store, ReportPlace(model, name, log.month(record.digest)))


def _together(parts: list[Estimate], memory: int) -> Estimate:
    """All of `parts`, one after the other, on top of `memory`."""
    return Estimate(
        memory=memory + max(part.memory for part in parts),
        disk=sum(part.disk for part in parts),
        files=sum(part.files for part in parts),
        operations=sum(part.operations for part in parts),
        objects=tuple(planned for part in parts for planned in part.objects),
    )
