"""What a corpus may be read from: each file, link and redirect is checked before it is followed."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import fsspec
import pytest

from flows.corpus import fingerprints
from flows.corpus.reading import http as corpus_http
from flows.exceptions import CorpusError, CorpusUnavailable
from tests.support.corpora import read_corpus

secret = "planted-'6f1c 2b"
sentence = "the keeper lit the lamp\n"


class Handler(BaseHTTPRequestHandler):
    """Redirects /to/URL, fails at /broken, answers anything else with a text; keeps the paths."""

    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer by the path."""
        self.requests.append(f"{self.headers['Host'].partition(':')[0]}{self.path}")
        path = self.path.partition("?")[0]
        if path == "/broken":
            self.send_error(500)
            return
        self.send_response(302 if path.startswith("/to/") else 200)
        self.send_header("Location", self.path.removeprefix("/to/"))
        self.send_header("Content-Length", str(len(sentence)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(sentence.encode())

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server at every loopback address."""
    Handler.requests.clear()
    with ThreadingHTTPServer(("0.0.0.0", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def refusal(corpus: str) -> CorpusError:
    """The error for a corpus, which is not tried again and keeps no other error."""
    with pytest.raises(CorpusError) as caught:
        read_corpus(corpus, "utf-8")
    assert not isinstance(caught.value, CorpusUnavailable)
    assert None is caught.value.__context__
    return caught.value


def test_a_redirect_is_followed_within_the_list(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that it leads to is one of the list, too."""
    first, second = f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"
    monkeypatch.setenv("RNN_CORPUS_ALLOW", f"{first}/to {second}/texts")

    assert [sentence] == read_corpus(f"{first}/to/{second}/texts/a", "utf-8")


@pytest.mark.parametrize("path", ["other", "texts/%2e%2e/other"])
def test_a_redirect_out_of_the_list_is_not_followed(
    port: int, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The other server is not asked; reading and watching both say so."""
    first, second = f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"
    monkeypatch.setenv("RNN_CORPUS_ALLOW", f"{first}/to {second}/texts")
    corpus = f"{first}/to/{second}/{path}"

    expected = "is not below an address of RNN_CORPUS_ALLOW"
    assert expected in str(refusal(corpus))
    with pytest.raises(CorpusError, match=expected):
        fingerprints(corpus)
    assert {"127.0.0.1"} == {request.partition("/")[0] for request in Handler.requests}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0.0.0.0", "[0:0:0:0:0:ffff:127.0.0.1]", "0x7f.1"]
)
def test_a_deployment_reads_nothing_from_this_machine(
    port: int, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """However its address is written, unless the operator lists it."""
    url = f"http://{host}:{port}/a"
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run")

    assert "is at a loopback or link-local address" in str(refusal(url))
    assert [] == Handler.requests

    monkeypatch.setenv("RNN_CORPUS_ALLOW", f"http://127.0.0.1:{port} http://localhost:{port}")
    if host in {"127.0.0.1", "localhost"}:
        assert [sentence] == read_corpus(url, "utf-8")


@pytest.mark.parametrize("host", ["2130706433", "127.1"])
def test_numbers_that_are_no_usual_address_are_refused(port: int, host: str) -> None:
    """Also on the command line."""
    refusal(f"http://{host}:{port}/a")
    assert [] == Handler.requests


def test_a_deployment_is_not_redirected_to_this_machine(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is checked at each connection; here 127.0.0.1 stands for another machine."""
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run")
    monkeypatch.setattr(corpus_http, "is_local", "127.0.0.2".__eq__)
    corpus = f"http://127.0.0.1:{port}/to/http://127.0.0.2:{port}/a"

    assert "is at a loopback or link-local address" in str(refusal(corpus))
    assert {"127.0.0.1"} == {request.partition("/")[0] for request in Handler.requests}


def test_a_variable_is_sent_and_never_shown(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the message of a failure, nor in an error behind it, nor in a log of any level."""
    host = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("SIGNATURE", secret)
    monkeypatch.setenv("RNN_URL_VARIABLES", f"SIGNATURE={host}")
    caplog.set_level(logging.DEBUG)

    assert [sentence] == read_corpus(f"{host}/a?raw=1&sig=$SIGNATURE", "utf-8")
    with pytest.raises(CorpusUnavailable) as caught:
        read_corpus(f"{host}/broken?sig=$SIGNATURE", "utf-8")

    sent = "?raw=1&sig=planted-'6f1c%202b"
    assert f"127.0.0.1/a{sent}" in Handler.requests
    assert str(caught.value).startswith(f"the corpus {host}/broken cannot be read (500")
    assert None is caught.value.__context__ is caught.value.__cause__
    assert "planted" not in str(caught.value) + caplog.text


def test_a_redirect_gets_no_variable(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the address that was given has its variables filled in, not one that a server makes."""
    host = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("ECHO", "$SIGNATURE")
    monkeypatch.setenv("SIGNATURE", secret)
    monkeypatch.setenv("RNN_URL_VARIABLES", f"SIGNATURE={host} ECHO={host}")

    read_corpus(f"{host}/to/{host}/a?x=$ECHO", "utf-8")

    assert f"127.0.0.1/to/{host}/a?x=$SIGNATURE" in Handler.requests
    assert "127.0.0.1/a?x=$SIGNATURE" in Handler.requests


def test_every_file_of_a_pattern_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in an allowed folder leads to no file elsewhere; nor does a pattern begin elsewhere."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.txt").write_text(sentence)
    (tmp_path / "in/a.txt").write_text(sentence)
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(tmp_path / "in"))

    assert [sentence] == read_corpus(f"{tmp_path}/in/*.txt", "utf-8")
    (tmp_path / "in/b.txt").symlink_to(tmp_path / "secret.txt")
    for corpus in ("in/*.txt", "in/b.txt", "secret.txt", "sec*", "*/a.txt", "none", "in/../none"):
        assert "RNN_CORPUS_ALLOW" in str(refusal(f"{tmp_path}/{corpus}"))


def test_a_pattern_does_not_tell_what_exists_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dots after a wildcard are refused alike, whether they lead to a file or to none."""
    (tmp_path / "in/folder").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text(sentence)
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(tmp_path / "in"))

    for start in ("in/*/../../", "in/[f]older/../../", f"file://{tmp_path}/in/**/../../"):
        patterns = (
            start + name if "://" in start else f"{tmp_path}/{start}{name}" for name in "sn"
        )
        found, missing = (str(refusal(f"{pattern}*")) for pattern in patterns)
        assert found == missing
        assert "RNN_CORPUS_ALLOW" in found


def test_every_link_of_a_chain_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member is read of an allowed archive alone."""
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "a.zip", "w") as archive:
            archive.writestr("a.txt", sentence)
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(tmp_path / "in"))

    assert [sentence] == read_corpus(f"zip://a.txt::{tmp_path}/in/a.zip", "utf-8")
    assert [sentence] == read_corpus(f"zip://*.txt::file://{tmp_path}/in/a.zip", "utf-8")
    assert "RNN_CORPUS_ALLOW" in str(refusal(f"zip://a.txt::{tmp_path}/out/a.zip"))
    assert "RNN_CORPUS_ALLOW" in str(refusal("zip://a.txt::https://example.org/a.zip"))
    (tmp_path / "in/[1].zip").symlink_to(tmp_path / "out/a.zip")
    assert "RNN_CORPUS_ALLOW" in str(refusal(f"zip://a.txt::{tmp_path}/in/[1].zip"))


def test_every_way_to_a_file_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a pattern, an archive, a chain; by links to files, folders and archives."""
    for folder in ("in/sub", "in2", "out"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.txt").write_text(sentence)
        with zipfile.ZipFile(tmp_path / folder / "a.zip", "w") as archive:
            archive.writestr("b.txt", sentence)
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(tmp_path / "in"))
    inside = ("in", "in/", "in/**", "in/*/*.txt", "in/sub/a.zip", "in/sub/*.zip")
    outside = ("", ".", "out", "in2", "out/a.zip", "in/..", "in/../out", "*", "**/in/sub/a.txt")

    for corpus in inside:
        assert sentence in read_corpus(f"{tmp_path}/{corpus}", "utf-8")
        assert sentence in read_corpus(f"file://{tmp_path}/{corpus}", "utf-8")
    for corpus in (*outside, "in/%2e%2e/out", "out%2Fa.txt"):
        assert "RNN_CORPUS_ALLOW" in str(refusal(f"file://{tmp_path}/{corpus}"))
    for target in ("out", "out/a.txt", "out/a.zip", "out/none", "none"):
        (tmp_path / "in/link").symlink_to(tmp_path / target)
        (tmp_path / "in/link.zip").symlink_to(tmp_path / target)
        links = ("in", "in/*", "in/**/a*", "in/link", "in/link/*", "in/link.zip", "in/l*/a.txt")
        for corpus in links:
            message = str(refusal(f"{tmp_path}/{corpus}"))
            assert "RNN_CORPUS_ALLOW" in message
            assert "does not exist" not in message
        assert "RNN_CORPUS_ALLOW" in str(refusal(f"zip://b.txt::{tmp_path}/in/link.zip"))
        (tmp_path / "in/link").unlink()
        (tmp_path / "in/link.zip").unlink()


def test_a_link_is_checked_by_its_path_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows '::' in a name is no other address."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.txt").write_text(sentence)
    (tmp_path / "in/a::b.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.chdir(tmp_path / "in")
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(tmp_path / "in"))

    for corpus in (".", "*", str(tmp_path / "in")):
        assert "whose '::' chains URLs" in str(refusal(corpus))


def test_every_key_below_a_prefix_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store takes dots as they are; who reads the key elsewhere may not."""
    memory = fsspec.filesystem("memory")
    for name in ("in/a.txt", "in/../b.txt", "in/%2e%2e/c.txt", "in2/d.txt"):
        memory.pipe_file(f"/listed/{name}", sentence.encode())
    monkeypatch.setenv("RNN_CORPUS_ALLOW", "memory://listed/in")

    assert [sentence] == read_corpus("memory://listed/in/a*", "utf-8")
    for corpus in ("in", "in/", "in/**", "in2", "in*", "", "in/../in2", "%69n2/*"):
        assert "RNN_CORPUS_ALLOW" in str(refusal(f"memory://listed/{corpus}"))
    memory.rm("/listed", recursive=True)
