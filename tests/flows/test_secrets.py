"""Secrets are written nowhere: a test passes one in, and searches for it in all output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from flows.command_line import entry
from flows.retrain import retrain
from tests.support.commands import kill, small, start
from tests.support.states import text

secret = "planted-6f1c2b"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a web server with a corpus, which ignores queries."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "corpus.txt").write_text(text * 20)
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


def run(home: Path, corpus: str, store: str, **environment: str) -> tuple[int, str]:
    """Exit status of a retraining, and all that it printed."""
    process = start(home, *small, f"--corpus={corpus}", f"--store={store}", environment=environment)
    try:
        printed, errors = process.communicate(timeout=180)
    finally:
        kill(process)
    return process.returncode, printed + errors


def places_of(found: str, folder: Path) -> list[Path]:
    """Every file below `folder` that holds the text `found`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if found.encode() in path.read_bytes()]


def test_a_secret_in_the_environment_reaches_only_the_server(home: Path, host: str) -> None:
    """The secret of a signed query is read from a variable, and written nowhere.

    The database with its logs and artifacts, the store and the output are searched. The corpus's
    address without its query is found there, which shows that the search works.
    """
    status, printed = run(
        home,
        f"http://{host}/corpus.txt?X-Amz-Signature=$SIGNATURE",
        f"{home}/store",
        SIGNATURE=secret,
        RNN_URL_VARIABLES=f"SIGNATURE=http://{host}/",
        AWS_SECRET_ACCESS_KEY=secret,
        PREFECT_LOGGING_LEVEL="DEBUG",
    )

    assert 0 == status, printed
    assert secret not in printed
    assert [] == places_of(secret, home)
    assert places_of(f"{host}/corpus.txt", home / "prefect")
    assert places_of(f"{host}/corpus.txt", home / "store")


@pytest.mark.parametrize(
    ("place", "address", "expected"),
    [
        (
            "corpus",
            "http://{host}/corpus.txt?raw=1&token={secret}",
            "carries a value of 'token' in its query",
        ),
        ("store", "http://me:{secret}@{host}/store", "carries credentials"),
    ],
)
def test_a_secret_in_an_address_is_refused_before_it_is_written(
    home: Path, host: str, place: str, address: str, expected: str
) -> None:
    """The message names the address without the secret; Prefect never receives it."""
    url = address.format(secret=secret, host=host)
    corpus, store = (url, f"{home}/store") if place == "corpus" else (f"http://{host}/c", url)

    status, printed = run(home, corpus, store)

    assert 2 == status
    assert expected in printed
    assert secret not in printed
    assert [] == places_of(secret, home)


@pytest.mark.parametrize("place", ["corpus", "store"])
@pytest.mark.parametrize(
    "address", ["http://me:{}@h/a", "http://h/a?X-Amz-Signature={}", "http://h/a?raw=1&token={}"]
)
def test_secrets_of_every_kind_are_refused(
    place: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Credentials, signatures and tokens, in either address."""
    assert 2 == entry.run(retrain, [f"--{place}={address.format(secret)}"])

    assert secret not in "".join(capsys.readouterr())


def test_a_value_that_is_too_long_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Cut off, it could end within a password; and to search all of it could take long."""
    assert 2 == entry.run(retrain, [f"--corpus=https://me:{secret}/{';a' * 50_000}@h/a"])

    assert secret not in "".join(capsys.readouterr())


def test_secrets_are_removed_from_the_error_of_a_server(home: Path, host: str) -> None:
    """The message for a missing address has no query; nor have logs and states."""
    status, printed = run(
        home,
        f"http://{host}/no.txt?token=$TOKEN",
        f"{home}/store",
        TOKEN=secret,
        RNN_URL_VARIABLES=f"TOKEN=http://{host}",
    )

    assert 2 == status
    assert printed.startswith(f"error: the corpus http://{host}/no.txt does not exist")
    assert 1 == len(printed.splitlines())
    assert secret not in printed
    assert [] == places_of(secret, home)
