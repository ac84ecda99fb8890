"""The text of a table is the rows of one column; what cannot be read as such is refused in a sentence."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.corpus.tables import columns
from flows.corpus.tables import parquet as parquet_reader
from flows.corpus.tables.kinds import Nulls, table_kind
from flows.corpus.tables.pieces import column_pieces, columns_of, refuse_table
from flows.corpus.tables.quotes import CheckedQuotes
from flows.exceptions import CorpusError

rows = ["007", "", None, "a,b", 'say "hi"', "two\nlines", "crlf\r\n", "Grüße 道可道 🦊", "null", "NA", "1e5", "-", "2024-01-01"]  # fmt: skip
text = "".join(f"{row}\n" for row in rows if row is not None)
mark = b"\xef\xbb\xbf"


def write(path: Path, data: bytes | str) -> Path:
    """A file at `path`."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(path: Path, column: str = "text", separator: str = "\n", name: str | None = None) -> str:
    """The text of a column."""
    pieces = column_pieces(path, name or path.name, column, separator, Nulls())
    return b"".join(pieces).decode()


def refusal(path: Path, column: str = "text") -> str:
    """The one line that a table is refused with."""
    with pytest.raises(CorpusError) as caught:
        read(path, column)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert 1 == len(message.splitlines())
    return message


def parquet(path: Path, values: Any = rows, kind: Any = None, **options: Any) -> Path:
    """A Parquet file with columns `id` and `text`."""
    array = values if isinstance(values, pa.Array) else pa.array(values, kind or pa.string())
    pq.write_table(pa.table({"id": range(len(array)), "text": array}), path, **options)
    return path


def quoted(row: str | None) -> str:
    """A cell of CSV; without a value it has no quotes."""
    return "" if row is None else '"' + row.replace('"', '""') + '"'


def csv_file(path: Path, delimiter: str = ",", line_end: str = "\n") -> Path:
    """A file with columns `id` and `text`."""
    lines = [f"id{delimiter}text", *(f"{n}{delimiter}{quoted(row)}" for n, row in enumerate(rows))]
    return write(path, line_end.join([*lines, ""]))


def json_lines(path: Path) -> Path:
    """A file with keys `id` and `text`; a row without a value lacks the key."""
    objects = [{"id": n} | ({} if row is None else {"text": row}) for n, row in enumerate(rows)]
    return write(path, "".join(json.dumps(row) + "\n" for row in objects))


makers: dict[str, Callable[[Path], Path]] = {
    "t.parquet": parquet,
    "t.csv": csv_file,
    "t.tsv": lambda path: csv_file(path, "\t"),
    "t.jsonl": json_lines,
    "t.ndjson": json_lines,
}


@pytest.fixture(params=makers)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same table as a file of each kind."""
    return makers[request.param](tmp_path / request.param)


def test_each_row_is_text_as_it_stands(table: Path) -> None:
    """Numbers, dates, "null" and line ends are characters; rows without a value are counted."""
    nulls = Nulls()

    assert text == b"".join(column_pieces(table, table.name, "text", "\n", nulls)).decode()
    assert 1 == nulls.count


@pytest.mark.parametrize("separator", ["", "\n\n", "<|endoftext|>", " — "])
def test_the_separator_is_after_each_row(table: Path, separator: str) -> None:
    """Also after the last, so that tables one after the other are one text."""
    assert "".join(row + separator for row in rows if row is not None) == read(
        table, separator=separator
    )


def test_a_column_that_is_not_there_is_refused_with_those_that_are(table: Path) -> None:
    """A reader of its own accord would give nulls."""
    assert (
        f"{table.name} has no column 'body', but 'id', 'text': give one of these as"
        " reading.corpus_column"
    ) == refusal(table, "body")


def test_a_table_without_a_column_is_refused(table: Path) -> None:
    """With its columns listed: it would be learned as text."""
    with pytest.raises(CorpusError, match=r"is a table .* with the columns 'id', 'text': give the one"):  # fmt: skip
        refuse_table(table, table.name)


def test_an_empty_table_is_an_empty_text(tmp_path: Path) -> None:
    """The columns are there, and no row is."""
    assert "" == read(parquet(tmp_path / "t.parquet", []))
    for data in ("text", "text\n", "id,text\r\n"):
        assert "" == read(write(tmp_path / "t.csv", data))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "CSV"),
        ("A.CSV", "CSV"),
        ("a.tsv.gz", "TSV"),
        ("https://example.org/a.jsonl.zst", "JSON Lines"),
        ("zip://a.ndjson::b.zip", "JSON Lines"),
        ("a.txt", None),
        ("csv", None),
        ("zip://a.txt::b.csv", None),
    ],
)
def test_a_table_is_known_by_its_name(tmp_path: Path, name: str, kind: str | None) -> None:
    """Also before the ending of a compression, and as a member of an archive."""
    path = write(tmp_path / "spool", "a,b\n")

    assert kind == table_kind(path.read_bytes()[:100], name)
    if kind is None:
        refuse_table(path, name)


def test_a_parquet_file_is_known_by_its_content(tmp_path: Path) -> None:
    """Whatever its name is."""
    path = parquet(tmp_path / "t.txt")

    assert text == read(path)
    with pytest.raises(CorpusError, match="columns 'id', 'text'"):
        refuse_table(path, path.name)


@pytest.mark.parametrize(
    ("data", "expected"),
    [('{"text":"a"}\n', "a\n"), ("id,text\n1,a\n", "a\n"), ("id\ttext\n1\ta\n", "a\n")],
)
def test_a_table_without_a_known_name_is_read_by_its_first_line(
    tmp_path: Path, data: str, expected: str
) -> None:
    """An address often has no ending."""
    assert expected == read(write(tmp_path / "export", data))


@pytest.mark.parametrize("prefix", [b"", mark])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_marks_and_line_ends_of_other_systems_are_read(
    tmp_path: Path, prefix: bytes, line_end: str
) -> None:
    """Also where the first column is the one, and the last line has no end."""
    table = line_end.join(["text,id", "a,1", '"b",2']).encode()
    objects = line_end.join(['{"text":"a"}', '{"text":"b"}']).encode()

    assert "a\nb\n" == read(write(tmp_path / "t.csv", prefix + table))
    assert "a\nb\n" == read(write(tmp_path / "t.jsonl", prefix + objects))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            "id;text\n1;a\n",
            r"no column 'text', but 'id;text': .*commas here, .*semicolons: convert",
        ),
        ("id\ttext\n1\ta\n", r"commas here, and these look separated by tabs"),
        ("id,text,text\n1,a,b\n", "it has 2 columns 'text'"),
        ("", "it has no first row with"),
        ("\n\n", "it has no first row with"),
        ("id,text\n1,a\n2\n", "Row #3: Expected 2 columns, got 1: 2"),
        ("id,text\n1,a,b\n", "Row #2: Expected 2 columns, got 3"),
        ('id,text\n1,"a\n2,b\n', "quote at byte offset 10 is never closed"),
        ('id,text\n1,"a""\n2,b\n', "quote at byte offset 10 is never closed"),
        (
            'id,text\n1,"a\n2,"b"\n',
            "after the quote at byte offset 15, .* of byte offset 10: write",
        ),
        ('id,text\n1,"say \\"hi\\" twice"\n', "after the quote at byte offset 16"),
        (b"id,text\n1,a\n2,a\xffb\n", r"column 'text', is not utf-8: .* byte 2 \(0xff\) of row 2"),
        (b"id,te\xfft\n1,a\n", "can't decode byte 0xff in position 5"),
        ("id,text\n1,a\n".encode("utf-16"), "cannot be read as CSV .*0xff in position 0"),
    ],
)
def test_a_csv_that_would_be_misread_is_refused(
    tmp_path: Path, data: bytes | str, problem: str
) -> None:
    """With what is wrong and where."""
    assert re.search(problem, refusal(write(tmp_path / "t.csv", data)))


def test_a_quote_in_a_cell_without_quotes_is_a_character(tmp_path: Path) -> None:
    """People write them by hand."""
    data = 'id,text\n1,5" pipe\n2,he said "hi"\n3,"a ""b"""\n4,""\n'

    assert '5" pipe\nhe said "hi"\na "b"\n\n' == read(write(tmp_path / "t.csv", data))


cells = st.text(st.sampled_from('ab",\n\r'), max_size=5)


@settings(max_examples=400, deadline=None)
@given(data=st.text(st.sampled_from('a",\n'), max_size=25), size=st.integers(1, 7))
@example('"a', 1)
@example('a"\n"b"', 2)
def test_quotes_are_checked_alike_however_the_bytes_come(data: str, size: int) -> None:
    """A strict reader agrees about what is never closed, and what follows a quote."""

    def outcome(step: int) -> str:
        stream = CheckedQuotes(io.BytesIO(data.encode()), ",")
        try:
            return b"".join(iter(lambda: stream.read(step), b"")).decode()
        except ValueError as error:
            return str(error)

    found = outcome(size)
    try:
        list(csv.reader(io.StringIO(data, newline=""), strict=True))
        expected = data if data.endswith("\n") or not data else data + "\n"
        assert expected == found
    except csv.Error:
        assert " byte offset " in found
    assert found == outcome(1000)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(cells, min_size=1, max_size=30))
def test_what_a_writer_of_csv_wrote_is_read(tmp_path: Path, values: list[str]) -> None:
    """Whatever delimiters, quotes and line ends are in the cells."""
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["id", "text"], *enumerate(values)])

    assert "".join(value + "|" for value in values) == read(tmp_path / "t.csv", separator="|")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('[{"text":"a"}]', "line 1 is no object: write one object a line"),
        ('{"text":"a"}\n\n{"text":7}\n', "line 3 has a value of type int in 'text', not a string"),
        ('{"text":"a"}\n{"text":"b', r"line 2 is no JSON, Unterminated string .*its character 9"),
        ('{"text":"a"}\nnot json\n', "line 2 is no JSON"),
        ('{"text":"\\ud800"}\n', "surrogate pair in string is invalid"),
        (b'{"text":"a"}\n{"text":"\xff"}\n', r"invalid start byte at byte 1 \(0xff\) of row 2"),
        (b"\xff\xfe{\x00", "line 1 is not UTF-8"),
        ("", "it has no rows"),
        ('{"text":{"a":"b"}}\n', "line 1 has a value of type dict"),
        ('{"a":1}\n{"b":1}\n', "t.jsonl has no column 'text', but 'a'"),
        ("[" * 100_000, "line 1 is nested too deeply"),
    ],
)
def test_json_lines_that_are_none_are_refused(
    tmp_path: Path, data: bytes | str, problem: str
) -> None:
    """With the line."""
    assert re.search(problem, refusal(write(tmp_path / "t.jsonl", data)))


def test_the_first_bad_line_is_named_however_far_it_is(tmp_path: Path) -> None:
    """The reader counts from its block."""
    data = '{"text":"some text"}\n' * 100_000 + '{"text":5}\n'

    assert "line 100,001 has a value of type int" in refusal(write(tmp_path / "t.jsonl", data))


def test_a_key_that_the_first_rows_lack_is_read(tmp_path: Path) -> None:
    """Rows may have different keys."""
    path = write(tmp_path / "t.jsonl", '{"a":1}\n{"a":1,"text":"b"}\n')

    assert "b\n" == read(path)
    assert ["a"] == columns_of(path, path.name)


def test_a_column_in_an_object_is_named_with_dots(tmp_path: Path) -> None:
    """In JSON Lines and Parquet; a column whose own name has a dot is that."""
    values = [{"b": "x"}, None, {"b": None}]
    nested = pa.table({"a": pa.array(values, pa.struct([("b", pa.string())]))})
    pq.write_table(nested, tmp_path / "t.parquet")
    pq.write_table(pa.table({"a.b": ["y"]}), tmp_path / "dot.parquet")
    write(tmp_path / "t.jsonl", "".join(json.dumps({"a": value}) + "\n" for value in values))
    write(tmp_path / "dot.jsonl", '{"a.b": "y"}\n')

    for ending in ("parquet", "jsonl"):
        assert "x\n" == read(tmp_path / f"t.{ending}", "a.b")
        assert "y\n" == read(tmp_path / f"dot.{ending}", "a.b")
    assert "has no column 'a.c', but 'a'" in refusal(tmp_path / "t.parquet", "a.c")


@pytest.mark.parametrize("size", [columns.first_block - 20, 3 << 20, 20 << 20])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_row_may_be_larger_than_a_block(tmp_path: Path, name: str, size: int) -> None:
    """Rows before it are not read twice."""
    values = ["short", "x" * size, "two\nlines"]
    if name == "t.csv":
        path = write(tmp_path / name, "text\n" + "".join(f"{quoted(row)}\n" for row in values))
    elif name == "t.jsonl":
        path = write(tmp_path / name, "".join(json.dumps({"text": v}) + "\n" for v in values))
    else:
        path = parquet(tmp_path / name, values)

    assert "".join(f"{row}\n" for row in values) == read(path)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_row_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It would fill the memory."""
    monkeypatch.setattr(columns, "most_block", 2 << 20)
    start = "text\n" if name == "t.csv" else '{"text":"a"}\n{"text":"'
    path = write(tmp_path / name, start + "x" * (5 << 20) + ("\n" if name == "t.csv" else '"}\n'))

    assert "has more than 2,097,152 bytes" in refusal(path)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_strings_of_every_form_are_read(
    tmp_path: Path, kind: Any, dictionary: bool, version: str
) -> None:
    """As Arrow has them and as Parquet stores them."""
    path = tmp_path / "t.parquet"
    parquet(path, kind=kind, use_dictionary=dictionary, data_page_version=version)

    assert text == read(path)


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_every_encoding_of_parquet_is_read(tmp_path: Path, encoding: str, compression: str) -> None:
    """And every compression, in many groups of rows."""
    path = tmp_path / "t.parquet"
    options = {"use_dictionary": False, "column_encoding": {"text": encoding}}
    parquet(path, rows * 50, compression=compression, row_group_size=7, **options)

    assert text * 50 == read(path)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([1]), "int64"),
        (pa.array([b"x"]), "binary"),
        (pa.array([["x"]]), "list<element: string>"),
        (pa.array([{"a": "x"}]), "struct<a: string>"),
        (pa.nulls(1), "null"),
        (pa.array([1.5]).dictionary_encode(), "double"),
    ],
    ids=str,
)
def test_a_column_of_another_type_is_refused(tmp_path: Path, values: Any, shown: str) -> None:
    """It is named."""
    message = refusal(parquet(tmp_path / "t.parquet", values))

    assert f"its column 'text' is of type {shown}, not of strings" in message


def test_invalid_utf8_in_parquet_is_named_with_its_row(tmp_path: Path) -> None:
    """Its readers let it pass."""
    values = [None, *[b"fine"] * 70_000, b"a\xff"]
    array = pa.array(values, pa.binary()).cast(pa.string(), safe=False)
    broken = pa.Array.from_buffers(pa.string(), len(array), array.buffers())
    message = refusal(parquet(tmp_path / "t.parquet", broken))

    assert "invalid start byte at byte 2 (0xff) of row 70,002: convert the table" in message


def test_repeated_texts_are_read_in_flat_memory(tmp_path: Path) -> None:
    """A few kilobytes of Parquet hold gigabytes: they come in pieces, whatever their sizes are."""
    long = "x" * 1_000_000
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 40_000 + [1] * 500, pa.int32()), ["s", long])  # fmt: skip
    path = parquet(tmp_path / "t.parquet", column.cast(pa.large_string()))

    sizes = [len(piece) for piece in column_pieces(path, path.name, "text", "\n", Nulls())]

    assert 80_000 + 500 * (len(long) + 1) == sum(sizes)
    assert max(sizes) <= parquet_reader.batch_bytes + (1 << 17)


def test_texts_that_repeat_those_before_are_read_in_flat_memory(tmp_path: Path) -> None:
    """Each may be stored as the length of what it repeats."""
    long = "x" * 900_000
    options = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    path = parquet(tmp_path / "t.parquet", [long] * 100, write_batch_size=100, **options)

    sizes = [len(piece) for piece in column_pieces(path, path.name, "text", "\n", Nulls())]

    assert path.stat().st_size < 100_000
    assert 100 * (len(long) + 1) == sum(sizes)
    assert max(sizes) < (parquet_reader.most_repeated + 2) * parquet_reader.batch_bytes


@pytest.mark.parametrize("damage", ["cut", "flipped", "footer", "no footer", "encrypted"])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, damage: str) -> None:
    """In one sentence."""
    path = parquet(tmp_path / "t.parquet", ["some text"] * 5000)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[-100:]
    elif damage == "flipped":
        data[len(data) - 200 : len(data) - 100] = b"\xff" * 100
    elif damage == "footer":
        data[-8:-4] = b"\xff\xff\xff\x7f"
    elif damage == "encrypted":
        data[-4:] = b"PARE"
    else:
        data = data[:4]

    assert "cannot be read as Parquet" in refusal(write(path, bytes(data)))


@pytest.mark.parametrize("bit", [1, 4])
def test_no_byte_of_a_footer_ends_the_process(tmp_path: Path, bit: int) -> None:
    """Each flipped in turn: it makes no difference, or is refused."""
    path = parquet(tmp_path / "t.parquet", store_schema=False)
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    outcomes = []
    for place in range(len(data) - 8 - length, len(data)):
        write(path, data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        try:
            outcomes.append(read(path))
        except CorpusError as error:
            outcomes.append(str(error))

    assert length + 8 == len(outcomes)
    assert any("cannot be read as Parquet (" in outcome for outcome in outcomes)


def test_a_page_that_claims_gigabytes_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to do."""
    monkeypatch.setattr(parquet_reader, "most_page", 1 << 20)
    path = parquet(tmp_path / "t.parquet", ["x" * (3 << 20)], use_dictionary=False)

    assert re.search("a page of 3,[0-9,]+ bytes, at most 1,048,576 are read: write", refusal(path))


@pytest.mark.parametrize("name", ["t", "t.csv", "t.jsonl"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever it is called: its bytes say what it is."""
    path = write(tmp_path / name, b"PK\x03\x04" + bytes(100))

    assert "is a zip archive, not a text" in refusal(path)


def test_an_export_from_a_database_is_read(tmp_path: Path) -> None:
    """As the README shows it."""
    path = tmp_path / "t.parquet"
    with duckdb.connect(str(tmp_path / "db")) as database:
        database.sql("CREATE TABLE letters AS SELECT 'letter ' || range AS body FROM range(5000)")
        database.sql(f"COPY (SELECT body FROM letters ORDER BY body) TO '{path}'")

    expected = sorted(f"letter {number}" for number in range(5000))
    assert "\n".join([*expected, ""]) == read(path, "body")
