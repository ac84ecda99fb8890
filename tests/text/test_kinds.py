"""What is no text is refused by its first bytes, and every text is accepted."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.exceptions import CorpusError
from flows.text.kinds import check_is_text, head_size


def refusal(data: bytes, name: str = "name") -> str:
    """What the file is refused with."""
    with pytest.raises(CorpusError) as caught:
        check_is_text(data[:head_size], name)
    return str(caught.value)


def tar(format_: int, size: int = 1000, member: str = "a.txt") -> bytes:
    """An archive of one text."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        info = tarfile.TarInfo(member)
        info.size = size
        archive.addfile(info, io.BytesIO(b"x" * size))
    return buffer.getvalue()


def archive(**members: str) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, text in members.items():
            opened.writestr(name, text)
    return buffer.getvalue()


def test_a_zip_is_refused_with_the_address_of_its_texts(tmp_path: Path) -> None:
    """That address finds them."""
    path = tmp_path / "two.zip"
    path.write_bytes(archive(**{"a.txt": "text", "b.txt": "text"}))

    message = refusal(path.read_bytes(), str(path))

    pattern = f"zip://*.txt::{path}"
    assert (
        f"{path} is a zip archive, not a text: name the texts in it, such as {pattern}" == message
    )
    assert 2 == len(fsspec.open_files(pattern))
    assert "zip archive" in refusal(archive())


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_is_refused_with_the_address_of_its_texts(format_: int) -> None:
    """In every format."""
    message = "name is a tar archive, not a text: name the texts in it, such as tar://*.txt::name"

    assert message == refusal(tar(format_))
    assert message == refusal(tar(format_, member="ü" * 40 + ".txt"))


def test_an_old_tar_is_known_by_the_sum_of_its_header() -> None:
    """It has no magic; some programs summed signed bytes."""
    header = bytearray(tar(tarfile.USTAR_FORMAT, member="caf\u00e9")[:512])
    header[257:512] = bytes(255)
    header[148:156] = b" " * 8
    for total in (sum(header), sum(byte - 256 * (byte > 127) for byte in header)):
        old = bytes(header[:148]) + b"%06o\0 " % total + bytes(header[156:])
        assert "tar archive" in refusal(old + b"text")

    wrong = bytes(header[:148]) + b"000007\0 " + bytes(header[156:])
    check_is_text(wrong, "name")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (archive(mimetype="application/epub+zip"), "an e-book"),
        (archive(mimetype="application/vnd.oasis.opendocument.text"), "an OpenDocument file"),
        (archive(**{"[Content_Types].xml": "<x/>"}), "an Office document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an Office document"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"PAR1garbage", "a Parquet file"),
        (b"FEA1\x00\x00\x00\x00", "a Feather file"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
        (b"\x1f\x8b\x08\x00", "compressed (gzip)"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "an image (PNG)"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "an image (JPEG)"),
        (b"GIF89a\x01\x00\x01\x00\x80", "an image (GIF)"),
        (b"\x7fELF\x02\x01\x01" + bytes(9), "a program (ELF)"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, what: str) -> None:
    """With what it is, and what to do."""
    assert refusal(data).startswith(f"name is {what}, not a text: ")


def test_files_of_other_programs_are_refused(tmp_path: Path) -> None:
    """As they write them."""
    table = pa.table({"text": ["some text"] * 10})
    pa.orc.write_table(table, tmp_path / "orc")
    pa.feather.write_feather(table, str(tmp_path / "arrow"))
    pa.parquet.write_table(table, tmp_path / "parquet")
    with sqlite3.connect(tmp_path / "sqlite") as database:
        database.execute("CREATE TABLE t (text)")

    shown = [refusal((tmp_path / name).read_bytes()) for name in ("orc", "arrow", "parquet", "sqlite")]  # fmt: skip

    assert [
        "an ORC file",
        "an Arrow file",
        "a Parquet file",
        "an SQLite database",
    ] == [message.removeprefix("name is ").partition(",")[0] for message in shown]


@pytest.mark.parametrize(
    "text",
    [
        "PK",
        "PK is no archive",
        "BM",
        "BMW",
        "ORC",
        "ORCS march\n",
        "PAR1 is a magic",
        "GIF89a, a format",
        "%PDF is a magic",
        "Objects",
        "II*",
        "MZ",
        "RIFF raff",
        "7zip",
        "Rar!",
        "BZh",
        "ID3",
        "",
        "\x00",
        "0" * 600,
        "FEA1 ",
    ],
)
def test_a_text_that_begins_like_something_else_is_a_text(text: str) -> None:
    """Only what is certain is refused."""
    check_is_text(text.encode(), "name")
    check_is_text((text * 500).encode()[:head_size], "name")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\r\n\t"), max_size=600))  # fmt: skip
def test_every_text_is_a_text(text: str) -> None:
    """In UTF-8."""
    if not text.startswith(("PAR", "%PDF-")):
        check_is_text(text.encode()[:head_size], "name")
