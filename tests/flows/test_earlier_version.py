"""An earlier state of version 0.1.0: its store is read and continued, its results and forms are kept.

tests/data has a store that it wrote, the JSON objects that it printed, and its forms.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from flows.command_line import load_flow
from flows.ingest import ingest
from flows.report import report
from flows.reporting.samples.identity import report_identity
from flows.results import TrainResult
from flows.storage import Log, Registry, Version, open_run, open_store, reports
from flows.storage.canonical import strict_json
from flows.train import train
from rnncore import Arithmetic, bits_per_character, read, sample
from tests.support.flows import files_below, retrained

data = Path(__file__).parents[1] / "data"
results: dict[str, dict[str, Any]] = json.loads((data / "results-0.1.0.json").read_text())
forms: dict[str, dict[str, Any]] = json.loads((data / "forms-0.1.0.json").read_text())
measured = {"seconds", "characters_per_second", "trained_iterations"}  # by the run at hand
added = {
    "outcome",
    "starts_from",
    "end_iteration",
    "warnings",
    "copied",
    "page_url",
}  # to results, later
added_to_checkpoints = {"rule", "arithmetic", "order", "commit"}
added_to_reports = {"run_id", "checkpoint_digest"}
added_to_versions = {
    name for name, field in Version.model_fields.items() if not field.is_required()
}
changed_on_purpose = {"checkpoint_every"}  # its default is now computed from network and text
asked = {
    "training": {"epochs": 2},
    "sampling": {"length": 20},  # as it was run then
    "retention": {"latest": 100},  # nothing was removed then
}

Options = Callable[..., dict[str, Any]]


@pytest.fixture
def old_store(store: Path) -> Path:
    """The store of version 0.1.0, where a new run finds it."""
    shutil.copytree(data / "store-0.1.0", store)
    return store


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, and what is written once to what was there before, by its path."""
    since = re.compile(r"lock|blocks-.*\.npy|profile\.json|.*\.html")
    files = (
        file
        for file in files_below(folder)
        if not since.fullmatch(file.name) and file.parts[-4] != "sources"
    )
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def relative(result: dict[str, Any], store: Path) -> dict[str, Any]:
    """A result with addresses as they were printed then, without what was measured."""
    text = json.dumps({key: result[key] for key in result if key not in measured | added})
    found: dict[str, Any] = json.loads(text.replace(str(store), "store"))
    return found


def then(name: str) -> dict[str, Any]:
    """What version 0.1.0 printed, without what it measured."""
    return {key: value for key, value in results[name].items() if key not in measured}


def test_its_runs_are_finished_work(options: Options, old_store: Path) -> None:
    """The same request trains nothing, writes nothing, and gives the same results."""
    before = contents(old_store)

    kept = retrained(options(**asked))
    rejected = retrained(options(seed=1, training={"hidden_size": 2}, sampling={"length": 20}))

    assert 0 == kept.trained_iterations == rejected.trained_iterations
    assert then("retrain") == relative(kept.model_dump(mode="json"), old_store)
    assert then("retrain, rejected") == relative(rejected.model_dump(mode="json"), old_store)
    assert before == contents(old_store)


def test_its_store_serves_every_other_flow(options: Options, old_store: Path) -> None:
    """Dataset, run and report are found again under the same names."""
    chosen = options()
    place = {"corpus": chosen["corpus"], "store": str(old_store)}
    trained = cast("TrainResult", train(**place, training=chosen["training"]))
    dataset = ingest(**place)
    written = report(
        store=str(old_store), sampling=chosen["sampling"].model_copy(update={"length": 10})
    )

    assert then("train") == relative(trained.model_dump(mode="json"), old_store)
    assert then("ingest") == relative(dataset.model_dump(mode="json"), old_store)
    assert then("report") == relative(written.model_dump(mode="json"), old_store)


def test_its_run_goes_on(options: Options, old_store: Path) -> None:
    """More epochs continue the run from its last checkpoint, and its curve as it was measured.

    The new decision measures both sides by the rule of today.
    """
    longer = retrained(options(training={"epochs": 3}))

    assert results["retrain"]["run_id"] == longer.run_id
    assert longer.iteration - results["retrain"]["iteration"] == longer.trained_iterations
    opened = open_run(str(old_store), "default", longer.run_id)
    records, state = opened.log.records(), opened.log.read(opened.log.records()[3]).state
    assert [0, 300, 600, 766, 900, 1149] == [record.iteration for record in records]
    assert {None} == {record.rule for record in records}
    then, now = None, Arithmetic.of_first_version(opened.run.network())
    assert [then, then, then, then, now, now] == [record.arithmetic for record in records]
    version = Registry(opened.store, "default").decision(longer.run_id, longer.checkpoint_digest)
    assert version
    assert "blocks" == version.rule
    _, held_out, ends = opened.split
    champion_bits = bits_per_character(state.parameters, held_out[:], ends)
    assert champion_bits == version.champion_bits_per_character
    assert champion_bits != results["retrain"]["held_out_bits_per_character"]


def test_every_object_of_its_store_is_read(old_store: Path) -> None:
    """Records, payloads, evaluation, versions, reports and the last seen state of a corpus."""
    store, expected = open_store(str(old_store)), results["retrain"]
    opened = open_run(str(old_store), "default", expected["run_id"])
    records = opened.log.records()
    champion = Registry(store, "default").champion()

    assert [0, 300, 600, 766] == [record.iteration for record in records]
    assert all(opened.log.read(record).state.iteration == record.iteration for record in records)
    evaluation = opened.log.evaluation(expected["checkpoint_digest"], rule=None)
    assert evaluation
    assert expected["held_out_bits_per_character"] == evaluation.held_out_bits_per_character
    assert champion
    assert expected["checkpoint_digest"] == champion.version.digest
    assert expected["characters"] == len(opened.split.training) + len(opened.split.held_out)
    assert 16 == reports.load(store, "default", expected["report_id"]).num_rows
    seen = Log(store, f"sources/{results['watch']['source_id']}/log").list_records()
    assert ["corpus.txt"] == [
        file["url"] for file in next(seen.newest_first("seen")).content["files"]
    ]


def test_a_new_store_has_the_same_names_and_keys(options: Options, store: Path) -> None:
    """Paths, keys of records, and every byte that no clock and no processor decides."""
    result = retrained(options(**asked))
    before, now = contents(data / "store-0.1.0"), contents(store)
    run = f"models/default/runs/{results['retrain']['run_id']}"
    untrained = strict_json(before[f"{run}/log/000000000000.json"])["content"]["digest"]

    fixed = [name for name in before if name.startswith("datasets/")]
    for name in (*fixed, f"{run}/run.json", f"{run}/data/{untrained}.safetensors"):
        assert before[name] == now[name]
    records = [f"{run}/log/{number:012}.json" for number in range(2)]
    records += [f"models/default/{log}/000000000000.json" for log in ("versions", "reports")]
    for name in records:
        (sealed, content), (sealed_now, content_now) = keys(before[name]), keys(now[name])
        assert sealed == sealed_now
        added_to = {"versions": added_to_versions, "reports": added_to_reports}
        assert content == content_now - added_to.get(name.split("/")[2], added_to_checkpoints)
    sampling, then = options(**asked)["sampling"], results["retrain"]
    for report_id, digest in (
        (then["report_id"], then["checkpoint_digest"]),
        (result.report_id, result.checkpoint_digest),
    ):
        assert report_identity(result.run_id, digest, sampling) == report_id
    folder = f"default/{strict_json(now[records[-1]])['created_at'][:7]}"
    assert f"reports/samples/{folder}/{result.report_id}.parquet" in now


def keys(record: bytes) -> tuple[set[str], set[str]]:
    """Keys of a record and of its content."""
    found = strict_json(record)
    return set(found), set(found["content"])


@pytest.mark.parametrize("name", forms)
def test_nothing_of_its_forms_is_lost(name: str) -> None:
    """Every parameter has the title, type, bounds and default of then, and a description.

    New parameters and new fields of a group may be added anywhere, descriptions may be reworded,
    more and larger values may be taken,
    and the pattern of addresses may refuse more secrets.
    """
    now = load_flow(name).parameters.model_dump()

    assert [] == list(lost(forms[name]["properties"], now["properties"], name))
    assert [] == list(lost(forms[name]["definitions"], now["definitions"], name))


def lost(old: Any, new: Any, place: str) -> Iterator[str]:
    """What of `old` is missing or different in `new`."""
    if isinstance(old, dict) and isinstance(new, dict):
        new = of_one_value(new)
        for key, value in old.items():
            if key == "description" or (key == "pattern" and "://" in value):
                if not new.get(key):
                    yield f"{place} has no {key}"
            elif key not in {"position", "required"} | changed_on_purpose and not allows_more(
                key, value, new.get(key)
            ):
                yield from lost(value, new.get(key), f"{place}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from lost(before, after, f"{place}[{number}]")
    elif old != new:
        yield f"{place}: {old!r} then, {new!r} now"


def of_one_value(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of one value, where several may be given."""
    return schema | schema["anyOf"][0] if "anyOf" in schema else schema


def allows_more(key: str, old: Any, new: Any) -> bool:
    """Whether there are more values to choose from now, or larger ones."""
    if key == "maximum":
        return isinstance(new, int | float) and new > old
    return key == "enum" and set(old) <= set(new or [])


def test_a_row_of_its_reports_is_drawn_again_by_the_rule_of_then(old_store: Path) -> None:
    """Its report is read from its old place; the rule of schema version 1 is plain enough to stand here."""
    then = results["report"]
    opened = open_run(str(old_store), "default", then["run_id"])
    table = reports.load(opened.store, "default", then["report_id"])
    state, vocabulary = opened.log.read(opened.log.record(then["checkpoint_digest"]))
    hidden = np.zeros_like(state.parameters.bh)
    rows = [row for row in table.to_pylist() if row["kind"] == "sample"]

    assert 12 == len(rows)
    for row in rows:
        primed = vocabulary.encode(row["priming"])
        rng = np.random.default_rng([row["seed"], row["sample_number"]])
        options = {"rng": rng, "temperature": row["temperature"]}
        before = read(state.parameters, primed[:-1], hidden)
        drawn = sample(state.parameters, before, int(primed[-1]), row["characters"], **options)
        assert row["text"] == vocabulary.decode(drawn)
