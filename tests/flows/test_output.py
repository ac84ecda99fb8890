"""Standard output and standard error that cannot show, or cannot take, what is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

every_program = pytest.mark.parametrize(
    "arguments",
    [
        ("flows.retrain", "--dry_run"),
        ("flows.retrain", "--help"),
        ("flows", "--version"),
    ],
    ids=" ".join,
)


@pytest.fixture
def places(corpus: Path, store: Path) -> tuple[str, ...]:
    """Options of a dry run."""
    return f"--corpus={corpus}", f"--store={store}"


def ended(
    program: str, *arguments: str, redirection: str = "", **environment: str
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a program, by way of a shell."""
    done = subprocess.run(
        [
            *("bash", "-c", f'set -o pipefail; "$@" {redirection}', "-"),
            *(sys.executable, "-m", program, *arguments),
        ],
        env=os.environ | environment,
        capture_output=True,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_lacks_is_shown_as_escapes(
    corpus: Path, tmp_path: Path, encoding: str
) -> None:
    """Such as a store's path in Japanese; JSON has escapes of its own."""
    places = f"--corpus={corpus}", f"--store={tmp_path / '日本'}"
    status, shown, errors = ended("flows.retrain", *places, "--dry_run", PYTHONIOENCODING=encoding)
    assert (0, "") == (status, errors)
    assert "\\u65e5\\u672c" in shown

    status, shown, _ = ended(
        "flows.retrain", *places, "--dry_run", "--json", PYTHONIOENCODING=encoding
    )
    assert 0 == status
    assert "日本" in json.loads(shown)["steps"]["store"]


@every_program
def test_a_reader_that_has_gone_is_no_error(
    arguments: tuple[str, ...], places: tuple[str, ...]
) -> None:
    """Nothing is said, and the status is that of SIGPIPE, as with other programs."""
    given = places if "--dry_run" in arguments else ()
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        command = [sys.executable, "-m", *arguments, *given]
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=120
        )

    assert (141, "") == (done.returncode, done.stderr)


@every_program
def test_a_full_disk_behind_the_output_is_one_sentence(
    arguments: tuple[str, ...], places: tuple[str, ...]
) -> None:
    """It names the reason, and what to do."""
    given = places if "--dry_run" in arguments else ()
    status, _, errors = ended(*arguments, *given, redirection="> /dev/full")

    assert 2 == status
    (sentence,) = errors.splitlines()
    assert "error: cannot write to standard output: No space left on device" in sentence


@pytest.mark.parametrize(
    ("redirection", "is_shown"),
    [("2>/dev/full <&-", True), ("2> >(true)", True), ("2>&- >&-", False)],
)
def test_no_run_depends_on_another_stream(
    places: tuple[str, ...], redirection: str, is_shown: bool
) -> None:
    """Neither on standard error, which shows progress, nor on streams that are closed."""
    options = ("--training.hidden_size=8", "--training.epochs=1", "--sampling.length=20")
    status, shown, errors = ended("flows.retrain", *places, *options, redirection=redirection)

    assert 0 == status, errors
    assert is_shown == ("promoted as version 0" in shown)
    assert "Traceback" not in errors


def test_a_refusal_needs_no_reader(store: Path) -> None:
    """The exit status says it too."""
    refused = ("--corpus=missing.txt", f"--store={store}", "--dry_run")

    assert (2, "", "") == ended("flows.retrain", *refused, redirection="2> >(true)")
