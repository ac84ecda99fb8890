"""Curves and decisions as Parquet: a row a record, which SQL joins, drawn anew from the logs."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow.parquet as pq
import pytest

from flows.exceptions import UnknownObject
from flows.lifecycle.choosing import promote_by_hand, roll_back
from flows.reporting.training_tables import write_tables
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.log import Log
from flows.storage.names import training_folder
from flows.storage.registry import Registry
from flows.storage.retirement import remove_payloads
from flows.storage.runs import run_folder
from flows.storage.stores import Store
from flows.storage.training_schema import checkpoints, decisions
from flows.storage.versions import Copied
from flows.text import SplitMethod
from tests.support.damage import reported
from tests.support.decisions import decided
from tests.support.states import commit, evaluation_of, facts, make_state, open_log, vocabulary
from tests.support.stores import overwrite, reopened
from tests.support.work import dataset_of, request, serve

Rows = list[dict[str, Any]]
page = Path(__file__).parents[2] / "docs/training-tables.md"


def rows(store: Store, kind: str, model: str = "m") -> Rows:
    """A table of a model, drawn now."""
    write_tables(store, model)
    path = store.local_file(f"{training_folder}/{kind}/{model}.parquet")
    found: Rows = pq.ParquetFile(path).read().to_pylist()
    return found


def asked(store: Store, query: str) -> list[tuple[Any, ...]]:
    """What DuckDB answers in the folder of the tables."""
    with duckdb.connect() as connection:
        connection.execute(f"set file_search_path = '{store.location(training_folder)}'")
        return connection.execute(query).fetchall()


def test_the_curve_has_a_row_a_checkpoint_and_a_row_an_evaluation(local: Store) -> None:
    """In bits, oldest first; speed and smooth loss are the training's."""
    registry = decided(local, "p")
    version = registry.version(0).version
    log = CheckpointLog(local, "m", version.run_id)
    log.commit(make_state(iterations=9), vocabulary, facts, after=log.head())
    log.add_evaluation(evaluation_of(log.record(version.digest), rule="blocks"))

    first, second, evaluated = rows(local, "checkpoints")

    assert [1, 9, 1] == [row["iteration"] for row in (first, second, evaluated)]
    assert ["checkpoint", "checkpoint", "evaluation"] == [
        row["kind"] for row in (first, second, evaluated)
    ]
    assert 1.5 / math.log(2) == pytest.approx(first["train_bits_per_character"])
    assert 1.75 / math.log(2) == pytest.approx(first["smooth_bits_per_character"])
    assert 1e6 == first["characters_per_second"]
    assert (2.5, "blocks", None) == (
        evaluated["train_bits_per_character"],
        evaluated["rule"],
        evaluated["characters_per_second"],
    )
    assert version.digest == first["checkpoint_digest"] == evaluated["checkpoint_digest"]
    assert (version.run_id, version.dataset_id) == (first["run_id"], first["dataset_id"])


@pytest.mark.parametrize(
    ("split", "stored"),
    [("content", True), ("tail", True), ("chunks", True), ("chunks", False)],
    ids=["content", "tail", "chunks", "chunks that are not stored"],
)
def test_epochs_are_passes_through_the_training_text(
    local: Store, text: str, split: str, *, stored: bool
) -> None:
    """Whole where a run of whole epochs ends; null where the text is gone."""
    dataset = dataset_of(local, text)
    if stored:
        datasets.complete(local, dataset, cast("SplitMethod", split))
    served = serve(local, dataset, request({"epochs": 2}, evaluation={"split": split}))

    epochs = [row["epoch"] for row in rows(local, "checkpoints")]
    assert (0, 2) == (min(epochs), max(epochs))
    for name in local.names(f"datasets/{served.work.run.dataset_id}"):
        local.remove(f"datasets/{served.work.run.dataset_id}/{name}")

    again = rows(reopened(local.url), "checkpoints")
    assert {None} == {row["epoch"] for row in again}


@pytest.fixture
def text() -> str:
    """A text of several blocks."""
    return "".join(f"line {number * number} of a text\n" for number in range(400))


def test_a_removed_checkpoint_keeps_its_row(local: Store) -> None:
    """It says that the payload is gone."""
    version = decided(local, "pp").version(0).version
    remove_payloads(local, "m", version.run_id, (version.digest,))

    assert [False, True] == [row["kept"] for row in rows(local, "checkpoints")]


def test_decisions_have_a_row_each(local: Store) -> None:
    """With the champion before and after, and what became of it."""
    decided(local, "pr", lost_bits=0.5, warnings=("a", "b"))
    decided(local, "p", copied={"20": Copied(samples=0.25, held_out_text=None)})
    roll_back(local, "m", 0, "too many commas")
    promote_by_hand(local, "m", 1, "")

    found = rows(local, "decisions")

    assert [0, 1, 2, 3, 4] == [row["number"] for row in found]
    assert ["promoted", "rejected", "promoted", "rolled_back", "promoted"] == [
        row["decision"] for row in found
    ]
    assert [False, True, True, False, False] == [row["rolled_back_since"] for row in found]
    assert ["gate", "gate", "gate", "hand", "hand"] == [row["decided_by"] for row in found]
    assert [None, 0, 0, 2, 0] == [row["champion_before"] for row in found]
    assert [0, 0, 2, 0, 4] == [row["champion_after"] for row in found]
    assert [None, None, None, 0, None] == [row["to_version"] for row in found]
    assert (["a", "b"], 0.5, None) == tuple(
        found[0][name] for name in ("warnings", "lost_bits", "copied_20")
    )
    assert (0.25, "too many commas") == (found[2]["copied_20"], found[3]["note"])


def test_the_gain_is_that_of_the_comparison(local: Store, text: str) -> None:
    """Of two nights with the same text, on its held-out part, with its standard error."""
    dataset = dataset_of(local, text)
    serve(local, dataset, request({"epochs": 1}))
    decision = serve(local, dataset, request({"epochs": 4}, force=True)).decision
    comparison = next(c for c in decision.version.comparisons if c.text == "new")

    row = rows(local, "decisions")[-1]

    assert comparison.gain == row["gain"]
    assert comparison.standard_error == row["standard_error"]
    assert comparison.characters == row["held_out_characters"]
    assert decision.version.champion_bits_per_character == row["champion_bits_per_character"]


def test_sql_joins_curves_and_decisions(local: Store) -> None:
    """Over all models at once: the last checkpoint of each promoted run."""
    decided(local, "prp")
    decided(local, "p", "other")
    for model in ("m", "other"):
        write_tables(local, model)

    found = asked(
        local,
        """select d.model, d.number, c.iteration, d.bits_per_character < 4, c.kept
           from 'decisions/*.parquet' d join 'checkpoints/*.parquet' c
             using (model, run_id, checkpoint_digest)
           where d.decision = 'promoted' order by d.model, d.number""",
    )

    assert [
        ("m", 0, 1, False, True),
        ("m", 2, 3, True, True),
        ("other", 0, 1, False, True),
    ] == found


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_other_libraries_read_a_folder_of_tables(local: Store, library: str) -> None:
    """The times are in UTC, the warnings lists."""
    module = pytest.importorskip(library, reason="needs pip install -e '.[dev]'")
    decided(local, "pp", warnings=("a", "b"))
    decided(local, "p", "other")
    for model in ("m", "other"):
        write_tables(local, model)

    folder = Path(local.location(f"{training_folder}/decisions"))
    frame = module.read_parquet(folder)

    assert 3 == len(frame)
    assert "UTC" in str(frame["time"].dtype)
    assert ["a", "b"] == list(frame["warnings"][0])


def test_tables_are_replaced_whole(local: Store) -> None:
    """An unchanged store gives the same bytes, a new decision a row more."""
    decided(local, "p")
    path = f"{training_folder}/decisions/m.parquet"
    rows(local, "decisions")
    first = local.read(path)
    rows(local, "decisions")
    assert first == local.read(path)
    decided(local, "p")

    assert 2 == len(rows(local, "decisions"))
    assert ["m.parquet"] == local.names(f"{training_folder}/decisions")
    assert 0o044 & Path(local.location(path)).stat().st_mode


def test_tables_are_in_an_object_store_too(store: Store) -> None:
    decided(store, "p")

    found = write_tables(store, "m")

    assert (1, 1) == (found.checkpoints, found.decisions)
    assert [found.checkpoints_url, found.decisions_url] == [
        store.location(f"reports/training/{kind}/m.parquet")
        for kind in ("checkpoints", "decisions")
    ]
    assert store.read("reports/training/decisions/m.parquet").startswith(b"PAR1")


@pytest.mark.parametrize("kind", ["checkpoints", "decisions"])
def test_columns_are_described_in_the_file(local: Store, kind: str) -> None:
    """Each with its meaning, and null only where a record may not have it."""
    decided(local, "p")
    write_tables(local, "m")
    columns = {"checkpoints": checkpoints, "decisions": decisions}[kind]

    schema = pq.read_schema(local.location(f"{training_folder}/{kind}/m.parquet"))

    assert [(c.name, c.type, c.nullable) for c in columns] == [
        (field.name, field.type, field.nullable) for field in schema
    ]
    for field in schema:
        assert len(field.metadata[b"description"]) > 10
    assert b"1" == schema.metadata[b"report_format"]


def test_the_documentation_has_every_column() -> None:
    """With its type and meaning, in their order."""
    documented = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", page.read_text(), re.MULTILINE)

    assert [(c.name, c.meaning) for c in (*checkpoints, *decisions)] == documented


def test_the_queries_of_the_documentation_are_answered(local: Store) -> None:
    """The first with a row a decision, the second with a row a checkpoint of the champion's run."""
    decided(local, "prp")
    write_tables(local, "m")
    queries = re.findall("```sql\n(.*?)```", page.read_text(), re.DOTALL)

    first, second = (asked(local, q.replace("data/store", local.location(""))) for q in queries)

    assert [("m", 2), ("m", 1), ("m", 0)] == [row[:2] for row in first]
    assert 1 == len(second)


def test_a_corrupt_record_is_reported_and_left_out(local: Store) -> None:
    """Of a decision and of a checkpoint; the others are there."""
    version = decided(local, "pp").version(0).version
    overwrite(local, Log(local, "models/m/versions").path(0), b"{}")
    overwrite(local, Log(local, f"{run_folder('m', version.run_id)}/log").path(0), b"{}")

    with reported() as damaged:
        found = write_tables(local, "m")

    assert (1, 1) == (found.checkpoints, found.decisions)
    assert len({error.name for error in damaged}) == 2


def test_a_run_without_its_description_has_its_rows(local: Store) -> None:
    """A corrupt one is reported."""
    run_id = decided(local, "p").version(0).version.run_id
    path = f"{run_folder('m', run_id)}/run.json"
    overwrite(local, path, b"{}")

    with reported() as damaged:
        (row,) = rows(reopened(local.url), "checkpoints")

    assert (1, None, None) == (row["iteration"], row["epoch"], row["dataset_id"])
    assert local.location(path) in {error.name for error in damaged}


def test_a_model_without_decisions_has_an_empty_table_of_them(local: Store) -> None:
    """With all its columns; curves are there from the first checkpoint on."""
    commit(open_log(local), 3)

    assert 1 == len(rows(local, "checkpoints", "default"))
    assert [] == rows(local, "decisions", "default")
    assert [(0,)] == asked(local, "select count(gain) from 'decisions/default.parquet'")


def test_an_unknown_model_is_refused_and_nothing_is_made(local: Store) -> None:
    decided(local, "p")

    with pytest.raises(UnknownObject, match=r"no model nope in .*: there are m"):
        write_tables(local, "nope")

    assert [] == local.names(training_folder)
    assert Registry(local, "m").history().entries
