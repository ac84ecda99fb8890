"""Export a version of a model for other programs and for people."""

from __future__ import annotations

from typing import NamedTuple

from flows.exceptions import FlowError
from flows.reporting.exports.card import card_of
from flows.reporting.exports.facts import Facts, facts_of, samples_of
from flows.reporting.exports.folder import Folder
from flows.reporting.exports.network import onnx_bytes, safetensors_bytes, vocabulary_bytes
from flows.storage.registry import Registry
from flows.storage.stores import Store


class Exported(NamedTuple):
    """What was exported, and where."""

    version: int
    run_id: str
    checkpoint_digest: str
    folder_url: str
    sizes: dict[str, int]  # bytes of each file
    written: tuple[str, ...]  # those that were not there yet
    note: str  # what was left out, and how to get it


def export_version(
    store: Store, model: str, number: int | None, url: str | None, *, dry_run: bool = False
) -> Exported:
    """Export a version, by default the champion, to the folder at `url` or to the store's own.

    What is there already stays; a folder of something else is refused.
    """
    facts = facts_of(Registry(store, model), number)
    folder = Folder.chosen(store, model, facts.entry.number, url)
    files, note = _files(facts)
    written = folder.missing(files) if dry_run else folder.write(files)
    return Exported(
        version=facts.entry.number,
        run_id=facts.entry.version.run_id,
        checkpoint_digest=facts.entry.version.digest,
        folder_url=folder.location,
        sizes={name: len(data) for name, data in files.items()},
        written=tuple(written),
        note=note,
    )


def _files(facts: Facts) -> tuple[dict[str, bytes], str]:
    """The files of an export in the order of writing, the card last; and what was left out."""
    parameters, note = facts.payload.state.parameters, ""
    files = {"model.safetensors": safetensors_bytes(parameters, facts.metadata)}
    title = f"model {facts.model}, version {facts.entry.number}"
    try:
        files["model.onnx"] = onnx_bytes(parameters, title)
    except FlowError as error:  # the other files serve numpy and PyTorch without it
        note = str(error)
    files["vocabulary.json"] = vocabulary_bytes(facts.payload.vocabulary)
    files["README.md"] = card_of(facts, samples_of(facts.payload)).encode()
    return files, note
