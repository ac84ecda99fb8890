"""Texts are read unchanged from any source; one sentence reports what cannot be read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from flows.exceptions import CorpusError
from tests.support.corpora import decode, read_corpus

sentence = "the keeper lit the lamp and the tide came in.\n"


class Handler(SimpleHTTPRequestHandler):
    """Serves the files of a folder, and error replies at some paths."""

    statuses: ClassVar = {"/forbidden": 403, "/unauthorised": 401, "/broken": 500}

    def do_GET(self) -> None:
        """Answer by the path."""
        path = self.path.partition("?")[0]
        if path in self.statuses:
            self.send_error(self.statuses[path])
        elif path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"short")
        else:
            super().do_GET()

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """URL of a real server, without range requests, of the files in `tmp_path`."""
    handler = partial(Handler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def refusal(corpus: str | list[str], encoding: str = "utf-8") -> str:
    """The error message for a corpus, which must be one line."""
    with pytest.raises(CorpusError) as caught:
        read_corpus(corpus, encoding)
    message = str(caught.value)
    assert 1 == len(message.splitlines())
    return message


@pytest.mark.parametrize(
    ("extension", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_a_compressed_file_is_read_by_its_extension(
    tmp_path: Path, extension: str, compress: type[bytes]
) -> None:
    """The decompressed bytes are the text."""
    (tmp_path / f"text.txt{extension}").write_bytes(compress(sentence.encode()))

    assert [sentence] == read_corpus(f"{tmp_path}/text.txt{extension}", "utf-8")


def test_a_web_server_without_range_requests_is_enough(tmp_path: Path, served: str) -> None:
    """Plain and compressed, with a query that does not hide the extension."""
    (tmp_path / "a.txt").write_text(sentence)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(sentence.encode()))

    corpus = [f"{served}/a.txt", f"{served}/a.txt?raw=1", f"{served}/b.txt.gz?raw=1"]
    assert [sentence] * 3 == read_corpus(corpus, "utf-8")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing.txt", "does not exist"),
        ("forbidden", "may not be read: permission denied"),
        ("unauthorised", "may not be read: permission denied"),
        ("broken", "cannot be read .500"),
        ("short", "cannot be read .the connection ended before the file did"),
    ],
)
def test_a_refusal_by_a_web_server_is_reported(served: str, path: str, problem: str) -> None:
    """Each with its own reason, and no query in the message."""
    message = refusal(f"{served}/{path}?name=secret")

    assert message.startswith(f"the corpus {served}/{path} {problem.partition(' .')[0]}")
    assert "secret" not in message
    with pytest.raises(CorpusError, match=problem):
        read_corpus(f"{served}/{path}", "utf-8")


def test_a_server_that_does_not_answer_is_reported() -> None:
    """Nothing listens on that port; the query is not in the message."""
    message = refusal("http://127.0.0.1:9/text?name=secret")

    assert message.startswith("the corpus http://127.0.0.1:9/text cannot be read (Cannot connect")
    assert "secret" not in message


@pytest.mark.parametrize(
    ("corpus", "problem"),
    [
        ("no/such.txt", "the corpus no/such.txt does not exist"),
        ("memory://no/such.txt", "the corpus memory://no/such.txt does not exist"),
        ("no/such/*.txt", r"no file matches no/such/*.txt"),
        ("memory://no/*.txt", r"no file matches memory://no/*.txt"),
        ("/dev/null", "the corpus /dev/null is neither file nor folder"),
        ([], "the corpus is an empty list"),
        ([""], "the corpus is empty"),
        ("s4://bucket/text", "unknown protocol 's4'"),
    ],
)
def test_a_missing_corpus_is_reported(corpus: str | list[str], problem: str) -> None:
    """The message says what was given, and what to give instead."""
    message = refusal(corpus)

    assert problem in message
    assert ": " in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file; 403 is tested as root too")
def test_a_file_without_read_permission_is_reported(tmp_path: Path) -> None:
    """The message says that permission is missing, not that the file is."""
    (tmp_path / "text").write_text(sentence)
    (tmp_path / "text").chmod(0)

    assert "may not be read: permission denied" in refusal(f"{tmp_path}/text")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: data[:-12], "is truncated: its gzip data have no end"),
        (lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:], "is damaged: gzip reports"),
        (lambda data: b"not gzip" + data, "is not utf-8: invalid start byte at byte offset 9"),
    ],
    ids=["truncated", "flipped", "named gzip"],
)
def test_a_corrupt_archive_is_reported(tmp_path: Path, damage: type[bytes], problem: str) -> None:
    """Part of a compressed text is not accepted."""
    packed = gzip.compress("".join(map(chr, range(32, 1000))).encode())
    (tmp_path / "text.gz").write_bytes(damage(packed))

    assert problem in refusal(f"{tmp_path}/text.gz")


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8], ids=["no bytes", "only a mark"])
def test_an_empty_corpus_is_refused(tmp_path: Path, data: bytes) -> None:
    """There is nothing to learn from."""
    (tmp_path / "text").write_bytes(data)

    assert refusal(f"{tmp_path}/text").startswith(f"the corpus {tmp_path}/text is empty")


def test_a_single_distinct_character_is_refused(tmp_path: Path) -> None:
    """There is nothing to predict; all files count together."""
    (tmp_path / "a").write_text("xxxx")
    (tmp_path / "b").write_text("xx")
    (tmp_path / "c").write_text("y")
    message = refusal([f"{tmp_path}/a", f"{tmp_path}/b"])

    assert f"the corpus {tmp_path}/a and 1 more has a single distinct character, 'x'" in message
    assert ["xxxx", "y"] == read_corpus([f"{tmp_path}/a", f"{tmp_path}/c"], "utf-8")


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["no mark", "mark"])
@pytest.mark.parametrize("before", [0, 1, 1500, (1 << 20) + 3])
@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_an_invalid_byte_is_reported_with_its_offset_in_the_file(
    mark: bytes, before: int, encoding: str
) -> None:
    """The offset is that of a hex editor: from the first byte, byte order mark included."""
    data = mark + b"x" * before + b"\xff rest"

    with pytest.raises(CorpusError, match=rf"byte offset {len(mark) + before} \(0xff\)"):
        decode(data, encoding, "text")


def test_a_text_cut_inside_a_character_is_reported_with_the_offset() -> None:
    """A download that ended early often ends like this."""
    with pytest.raises(CorpusError, match=r"unexpected end of data at byte offset 4 \(0xe2\)"):
        decode("text€".encode()[:-1], "utf-8", "name")


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_another_unicode_encoding_is_recognised_by_its_byte_order_mark(codec: str) -> None:
    """The message names the encoding to give, and with it the text is read."""
    data = "grüße".encode(codec)

    with pytest.raises(CorpusError, match=f"it looks like {codec}: give encoding={codec}"):
        decode(data, "utf-8", "name")
    assert "grüße" == decode(data, codec, "name")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("no-such-encoding", b"x"),
        ("", b"x"),
        ("a\x00b", b"x"),
        ("\ud800", b"x"),
        ("hex", b"61"),
        ("rot13", b"x"),
        ("undefined", b"x"),
        ("utf-7", b"+2AA-"),
    ],
)
def test_an_encoding_that_gives_no_text_is_refused(encoding: str, data: bytes) -> None:
    """Unknown names, codecs that are not for text, and a lone surrogate."""
    with pytest.raises(CorpusError, match=r"^name cannot be read with encoding "):
        decode(data, encoding, "name")


@pytest.mark.parametrize(
    "text",
    [
        "\r\nline\r\nends\rof\nevery\u2028kind\x85\r\n",
        "Ἐν ἀρχῇ ἦν ὁ λόγος\n",
        "道可道，非常道。名可名，非常名。\n",
        "🦊🌊👩‍👩‍👧 🇫🇷 e\u0301\n",
        "\x00\x01\x7f\ufeff inside\ufffd\U0010ffff",
    ],
    ids=["line ends", "Greek", "Chinese", "emoji", "special"],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["no mark", "mark"])
def test_every_character_is_unchanged(tmp_path: Path, text: str, mark: bytes) -> None:
    """Line ends are characters too; only a byte order mark at the start is dropped."""
    (tmp_path / "text").write_bytes(mark + text.encode())

    assert [text] == read_corpus(f"{tmp_path}/text", "utf-8")


def test_the_given_encoding_is_used() -> None:
    """Every byte is a character of latin-1."""
    assert "grüße\xff" == decode(b"gr\xfc\xdfe\xff", "latin-1", "name")


@pytest.mark.parametrize(("errors", "text"), [("replace", "gr\ufffdn\n"), ("drop", "grn\n")])
def test_invalid_bytes_of_a_table_are_replaced_or_dropped(
    tmp_path: Path, errors: str, text: str
) -> None:
    """As those of a text are."""
    (tmp_path / "a.csv").write_bytes(b"id,text\n" + b"1,gr\xfcn\n" * 3)
    options = {"corpus_column": "text", "errors": errors}
    assert [text * 3] == read_corpus(str(tmp_path / "a.csv"), "utf-8", **options)
