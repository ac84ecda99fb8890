"""Curves and decisions of a model as tables in Parquet, for SQL and dashboards: drawn from its logs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from flows.exceptions import DamagedObject, NewerFormat, UnknownObject
from flows.storage import bounds, training_schema
from flows.storage.checkpoint_records import CheckpointRecord, EvaluationRecord
from flows.storage.damage import warn
from flows.storage.manifests import load_manifest
from flows.storage.names import training_folder
from flows.storage.open_run import OpenRun
from flows.storage.parquet_columns import Column
from flows.storage.registry import Registry
from flows.storage.runs import Run, check_model, runs_of
from flows.storage.stores import Store
from flows.storage.token_files import BlockKind, load_blocks, no_tokens
from flows.storage.versions import Comparison, Entry, History
from flows.text import Blocks, Vocabulary, divide

Row = dict[str, Any]
same_names = {  # of a decision's record and of its row
    "decision",
    "decided_by",
    "reason",
    "note",
    "bits_per_character",
    "rule",
    "champion_bits_per_character",
    "to_version",
    "lost_bits",
    "warnings",
    "run_id",
    "iteration",
    "dataset_id",
    "characters",
    "vocabulary_size",
    "corpus",
}


class Tables(NamedTuple):
    """Where the tables of a model are, and their rows."""

    checkpoints_url: str
    checkpoints: int
    decisions_url: str
    decisions: int


def write_tables(store: Store, model: str, *, dry_run: bool = False) -> Tables:
    """Draw both tables of a model from its logs, and put them in the place of those before."""
    check_model(store, model)
    runs = runs_of(store, model)
    curves = [row for run_id in runs for row in _curve(OpenRun(store, model, run_id))]
    curves.sort(key=lambda row: row["time"])
    history = Registry(store, model).history()
    decided = [_decision(model, history, entry) for entry in reversed(history.entries)]
    return Tables(
        _write(store, "checkpoints", model, training_schema.checkpoints, curves, dry_run),
        len(curves),
        _write(store, "decisions", model, training_schema.decisions, decided, dry_run),
        len(decided),
    )


def _write(
    store: Store, kind: str, model: str, columns: tuple[Column, ...], rows: list[Row], dry_run: bool
) -> str:
    path = f"{training_folder}/{kind}/{model}.parquet"
    if not dry_run:
        data = training_schema.parquet(columns, rows)
        bounds.check(store.location(path), len(data), bounds.report)
        store.replace(path, data)
    return store.location(path)


def _curve(opened: OpenRun) -> Iterator[Row]:
    """The checkpoints of a run and their evaluations, as they were recorded."""
    run, kept = _run(opened), opened.log.payloads()
    per_epoch = _iterations_per_epoch(opened) if run else None
    for record, found in opened.log.history():
        yield {
            "model": opened.model,
            "run_id": opened.run_id,
            "kind": record.kind,
            "iteration": found.iteration,
            "epoch": found.iteration / per_epoch if per_epoch else None,
            "time": datetime.fromisoformat(record.created_at),
            "held_out_bits_per_character": found.held_out_bits_per_character,
            "rule": found.rule,
            "checkpoint_digest": found.digest,
            "kept": found.digest in kept,
            "dataset_id": run.dataset_id if run else None,
            "parent_digest": run.parent if run else None,
            **_measured(found),
        }


def _measured(found: CheckpointRecord | EvaluationRecord) -> Row:
    """What only one of the two kinds has."""
    if isinstance(found, EvaluationRecord):
        return {
            "train_bits_per_character": found.train_bits_per_character,
            "held_out_characters": found.characters,
        }
    return {
        "train_bits_per_character": None if found.loss is None else found.loss / math.log(2),
        "smooth_bits_per_character": found.smooth_loss / math.log(2),
        "characters_per_second": found.characters_per_second,
    }


def _run(opened: OpenRun) -> Run | None:
    """The description of a run; None where it is gone or corrupt."""
    try:
        return opened.run
    except UnknownObject:
        return None
    except DamagedObject as error:
        warn(error, "its rows are without dataset and epoch")
        return None


def _iterations_per_epoch(opened: OpenRun) -> int | None:
    """Iterations of one pass; None where the text is not there to tell."""
    try:
        return opened.run.iterations_per_epoch(_training_characters(opened))
    except UnknownObject:
        return None
    except (DamagedObject, NewerFormat) as error:
        warn(DamagedObject(error.name, str(error)), "its runs' rows are without epoch")
        return None


def _training_characters(opened: OpenRun) -> int:
    """Length of the text to train on: by its blocks, where they are stored, so no text is read."""
    manifest, run = load_manifest(opened.store, opened.run.dataset_id), opened.run
    kind: BlockKind = "chunks" if run.split == "chunks" else "blocks"
    table = load_blocks(opened.store, manifest, kind)
    if table is None:
        return opened.division.training.characters
    blocks = Blocks(no_tokens, Vocabulary(""), table)
    return divide(blocks, run.held_out, run.split).training.characters


def _decision(model: str, history: History, entry: Entry) -> Row:
    number, time, version = entry
    new, own = _comparison(version.comparisons, "new"), _comparison(version.comparisons, "champion")
    after = version.champion_now  # records of before do not have it
    return {
        "model": model,
        "number": number,
        "time": datetime.fromisoformat(time),
        "rolled_back_since": number in history.rolled_back,
        "champion_before": version.champion,
        "champion_after": history.champion_after(number) if after is None else after,
        "gain": new and new.gain,
        "standard_error": new and new.standard_error,
        "held_out_characters": new and new.characters,
        "gain_on_champion_text": own and own.gain,
        "checkpoint_digest": version.digest,
        "parent_digest": version.parent,
        **{f"copied_{length}": found.samples for length, found in version.copied.items()},
        **version.model_dump(include=same_names),
    }


def _comparison(comparisons: tuple[Comparison, ...], text: str) -> Comparison | None:
    return next((found for found in comparisons if found.text == text), None)
