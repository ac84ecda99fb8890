"""A table of models: formats, defaults, and what is refused, with its row and its option."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from flows.exceptions import BadModels
from flows.lifecycle.fleet.rows import read_models
from flows.parameters import RetrainOptions
from flows.references import ModelRow
from flows.retrain import retrain
from flows.storage import bounds

Write = Callable[[str, str | bytes], str]
of_the_store = {"store", "single_writer", "engine"}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a table; its path."""

    def to_file(name: str, content: str | bytes) -> str:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(file)

    return to_file


def options(rows: tuple[ModelRow, ...]) -> list[dict[str, Any]]:
    return [row.options for row in rows]


def problem(path: str) -> str:
    """What is wrong with a table."""
    with pytest.raises(BadModels) as refused:
        read_models(path)
    return str(refused.value)


def test_a_row_takes_every_option_that_a_retraining_takes() -> None:
    """But for those of the store and of the engine, which are the fleet's."""
    assert set(RetrainOptions.model_fields) == set(retrain.parameters.properties) - of_the_store


def test_a_table_says_the_same_in_every_format(write: Write, tmp_path: Path) -> None:
    """Nested or dotted, with defaults as a mapping or as a row."""
    nested: dict[str, Any] = {
        "defaults": {"training": {"hidden_size": 8, "epochs": 2}, "corpus": "x.txt"},
        "models": [
            {"model": "a"},
            {"model": "b", "training": {"epochs": 3}, "sampling": {"temperatures": [0.5, 1.0]}},
            {"model": "c", "corpus": ["y.txt", "z.txt"], "force": True},
        ],
    }
    flat: list[dict[str, Any]] = [
        {"model": "defaults", "corpus": "x.txt", "training.hidden_size": 8, "training.epochs": 2},
        {"model": "a"},
        {"model": "b", "training.epochs": 3, "sampling.temperatures": [0.5, 1.0]},
        {"model": "c", "corpus": "y.txt,z.txt", "force": True},
    ]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    with (tmp_path / "t.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows({name: str(cell).strip("[]") for name, cell in row.items()} for row in flat)
    flat[3]["corpus"] = ["y.txt", "z.txt"]
    corpora = [["x.txt"], None, None, ["y.txt", "z.txt"]]
    lists = [row | {"corpus": corpus} for row, corpus in zip(flat, corpora, strict=True)]
    pq.write_table(pa.Table.from_pylist(lists, schema=_schema(columns)), tmp_path / "t.parquet")
    found = {
        name: options(read_models(write(name, content)))
        for name, content in {
            "t.yaml": yaml.safe_dump(nested),
            "list.yml": yaml.safe_dump(flat),
            "t.json": json.dumps(nested),
            "list": json.dumps(flat),
        }.items()
    }
    found["csv"] = options(read_models(str(tmp_path / "t.csv")))
    found["parquet"] = options(read_models(str(tmp_path / "t.parquet")))

    for rows in found.values():
        for row in rows:
            row["corpus"] = row["corpus"][0] if row["corpus"] == ["x.txt"] else row["corpus"]
        assert rows == found["t.yaml"]
    assert {"hidden_size": 8, "epochs": 3} == found["csv"][1]["training"]
    assert ["a", "b", "c"] == [row["model"] for row in found["csv"]]


def _schema(columns: list[str]) -> pa.Schema:
    kinds = {
        "model": pa.string(),
        "corpus": pa.list_(pa.string()),
        "sampling.temperatures": pa.list_(pa.float64()),
        "force": pa.bool_(),
    }
    return pa.schema([(name, kinds.get(name, pa.int64())) for name in columns])


def test_a_text_in_a_cell_is_read_as_on_a_command_line(write: Write) -> None:
    """An empty one is not given; a list is JSON or has commas, but a priming text keeps its own."""
    table = """model,corpus,seed,training.start_from,evaluation.patience,sampling.priming,sampling.seed
defaults,x,7,,3,,
a,,,0,not given,"one, two",3
b,"[""p,q""]",,scratch,,,"[1,2]"
"""

    first, second = options(read_models(write("t.csv", table)))

    assert {"start_from": 0} == first["training"]
    assert {"patience": None} == first["evaluation"]
    assert {"priming": "one, two", "seed": 3} == first["sampling"]
    assert ("p,q", 7, {"patience": 3}) == (
        second["corpus"],
        second["seed"],
        second["evaluation"],
    )
    assert {"seed": [1, 2]} == second["sampling"]


def test_words_of_yaml_are_words(write: Write) -> None:
    """`off` is what a gate may be, and `no` may be a country."""
    (found,) = read_models(
        write("t.yaml", "- {model: no, corpus: x, gates.size: off, force: true}")
    )

    assert ("no", {"size": "off"}, True) == (
        found.model,
        found.options["gates"],
        found.options["force"],
    )


def test_the_row_of_a_line_is_its_line(write: Write) -> None:
    """Also after a cell of two lines and an empty line."""
    table = 'model,corpus,sampling.priming\na,x,"one\ntwo"\n\nb,x,\n'

    assert ["line 2", "line 5"] == [row.place for row in read_models(write("t.csv", table))]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{model: A b, corpus: x}", "row 2 (model A b): model: string should match pattern"),
        ("{model: 12, corpus: x}", "row 2 (model 12): model: input should be a valid string"),
        ("{model: true, corpus: x}", "row 2 (model True): model: expected no true or false"),
        ("{model: b, corpus: x, seed: true}", "seed: expected no true or false, found True"),
        ("{model: b, corpus: x, force: 3}", "force: input should be a valid boolean"),
        ("{model: '', corpus: x}", "row 2 (model ): model: "),
        ("{corpus: x}", "row 2 has no model"),
        ("{model: a, corpus: x}", "row 2 (model a) has the model of row 1: keep one"),
        ("{model: b}", "row 2 (model b): it has no corpus"),
        (
            "{model: b, corpus: x, epochs: 3}",
            "unknown option 'epochs': did you mean training.epochs",
        ),
        ("{model: b, corpus: x, training: {epoch: 3}}", "did you mean training.epochs"),
        ("{model: b, corpus: x, training.hidden_size: 0}", "greater than or equal to 1, found 0"),
        ("{model: b, corpus: x, seed: much}", "seed: input should be a valid integer"),
        ("{model: b, corpus: x, seed: [1]}", "seed: input should be a valid integer"),
        ("{model: b, corpus: x, training: 3}", "training: expected options by name, found '3'"),
        ("{model: b, corpus: x, store: s}", "store is of the whole fleet"),
        ("{model: b, corpus: x, engine: threads}", "engine is of the whole fleet"),
        ("{model: b, corpus: []}", "corpus: "),
        ("{model: b, corpus: 'https://me:secret@h/x'}", "carries credentials"),
        ("{model: b, corpus: 'gopher://h/x'}", "protocol"),
        ("{model: b, corpus: x, seed: 1, training: {seed: 1}}", "unknown option 'training.seed'"),
        ("{model: b, corpus: x, training.epochs: 1, training: {epochs: 2}}", "given twice"),
        ("{model: b, model: c, corpus: x}", "the key 'model' occurs twice"),
        ("3", "row 2 is '3', expected a mapping of options"),
        ("&a {model: b, corpus: x}\n- *a", "an alias, *a"),
        ("[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]", "nested too deeply"),
        ("!!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_a_bad_row_is_named_with_its_option(write: Write, row: str, sentence: str) -> None:
    """In one line without secrets."""
    said = problem(write("t.yaml", f"- {{model: a, corpus: x}}\n- {row}\n"))

    assert sentence in said
    assert "secret" not in said
    assert "\n" not in said


def test_the_first_bad_rows_are_told_and_the_others_counted(write: Write) -> None:
    rows = [{"model": f"m{number}", "corpus": "x", "seed": -1} for number in range(8)]

    said = problem(write("t.json", json.dumps(rows)))

    assert "row 5 (model m4)" in said
    assert "row 6" not in said
    assert said.endswith("and 3 more rows")


def test_bad_defaults_are_told_once(write: Write) -> None:
    table = {"defaults": {"seed": -1}, "models": [{"model": "a", "corpus": "x"}] * 2}
    twice = [{"model": "defaults"}, {"model": "defaults"}, {"model": "a", "corpus": "x"}]

    assert "the defaults (defaults): seed: " in problem(write("t.json", json.dumps(table)))
    assert "row 2 has defaults, as row 1" in problem(write("u.json", json.dumps(twice)))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.yaml", "", "has no rows"),
        ("t.yaml", "models: []", "has no rows"),
        ("t.yaml", "defaults: {seed: 1}", "has no rows"),
        ("t.json", "[]", "has no rows"),
        ("t.csv", "model,corpus\n", "has no rows"),
        ("t.csv", "", "has no rows"),
        ("t.yaml", "models: 3", "expected a list of models"),
        ("t.yaml", "modells: []", "it has 'modells', expected models and defaults"),
        ("t.yaml", "{", "cannot be read as YAML"),
        ("t.json", "{", "cannot be read as JSON"),
        ("t.json", '{"models": [], "models": []}', "a key occurs twice"),
        ("t.json", b'["\xff"]', "it is not UTF-8 at byte offset 2 (0xff)"),
        ("t.csv", "model;corpus\na;x\n", "it has no column model, but 'model;corpus'"),
        ("t.csv", "model,corpus,corpus\na,x,y\n", "it has the column 'corpus' twice"),
        ("t.csv", "model,corpus\na,x,y\n", "line 2 has 3 cells, expected 2"),
        ("t.csv", 'model,corpus\na,"x\n', "cannot be read as CSV"),
        ("t.parquet", "model", "is no Parquet file"),
        ("t.parquet", "PAR1 and no more PAR1", "cut short"),
        ("t.parquet", b"PAR1" + b"\x15\xff" * 8 + b"\x10\0\0\0PAR1", "cannot be read as Parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    write: Write, name: str, content: str | bytes, sentence: str
) -> None:
    said = problem(write(name, content))

    assert sentence in said
    assert name in said


def test_an_address_without_a_table_is_refused(write: Write, tmp_path: Path) -> None:
    """What is there instead is named."""
    write("a.yaml", "[]")
    write("b.yaml", "[]")

    assert "does not exist" in problem(str(tmp_path / "none.yaml"))
    assert "the table of models" in problem(str(tmp_path / "none.yaml"))
    assert "one of 2 files" in problem(str(tmp_path))


def test_a_table_beyond_the_bounds_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its bytes, also those that it is decompressed to, and by its rows."""
    rows = json.dumps([{"model": f"m{number}", "corpus": "x"} for number in range(50)])
    path = write("t.json", rows)
    monkeypatch.setattr(bounds, "models", 49)
    assert "has 50 rows, at most 49" in problem(path)

    import gzip

    monkeypatch.setattr(bounds, "models_table", 1000)
    assert "more than 1,000 bytes" in problem(path)
    assert "more than 1,000 bytes" in problem(write("t.json.gz", gzip.compress(rows.encode())))


def test_a_small_parquet_file_with_much_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text that all rows have is stored once."""
    monkeypatch.setattr(bounds, "models_table", 1 << 20)
    rows = [{"model": f"m{number}", "corpus": "x" * 4000} for number in range(1000)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")

    assert "bytes of values" in problem(str(tmp_path / "t.parquet"))


def test_a_corpus_beyond_the_boundary_is_refused(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is the table itself."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    table = "- {model: a, corpus: " + str(outside / "*.txt") + "}"
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(inside))

    assert "(model a): the corpus" in problem(write("in/t.yaml", table))
    assert "RNN_CORPUS_ALLOW" in problem(write("t.yaml", table))
