"""Package and home cannot be written, as in a container: commands work, or say what to set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import flows
import rnncore
from tests.support.commands import small
from tests.support.ordinary_user import as_ordinary_user, read_only

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, in a folder that cannot be written."""
    folder = tmp_path_factory.mktemp("site")
    for package in (flows, rnncore):
        source = Path(str(package.__file__)).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / source.name, ignore=ignored)
    return read_only(folder)


@pytest.fixture
def command(site: Path, tmp_path: Path) -> Command:
    """Runs `retrain` as a user whose home is empty and cannot be written."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in ("home", "work"):
        (tmp_path / name).mkdir()

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        read_only(tmp_path / "home")
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(site),
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(temporary),
        }
        return subprocess.run(
            as_ordinary_user(sys.executable, "-P", "-m", "flows.retrain", *arguments),
            cwd=tmp_path / "work",
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def sentence(refused: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that says why a command was refused."""
    (line,) = (line for line in refused.stderr.splitlines() if line.startswith("error: "))
    return line


def test_help_is_shown(command: Command, tmp_path: Path) -> None:
    """Also if there is no home; it is not made then."""
    missing = tmp_path / "missing"
    for home in ({}, {"HOME": str(missing)}):
        shown = command("--help", **home)

        assert (0, "") == (shown.returncode, shown.stderr)
        assert "--training.epochs" in shown.stdout
    assert not missing.exists()


def test_a_run_completes(command: Command, corpus: Path, store: Path) -> None:
    """Prefect's folder and the compiled kernels are temporary; messages say what to set."""
    # All kernels are compiled anew: without optimisation in two thirds of the time.
    done = command("--json", f"--corpus={corpus}", f"--store={store}", *small, NUMBA_OPT="0")

    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["trained_iterations"] > 0
    assert "set PREFECT_HOME to choose another" in done.stderr
    assert "set the MPLCONFIGDIR environment variable" in done.stderr


def test_the_name_of_prefects_folder_is_shown_visibly(command: Command) -> None:
    """In the notice that another is used, too."""
    done = command("--corpus=none", PREFECT_HOME="/proc/\x1b[31m")

    assert done.stderr.startswith("Prefect's folder /proc/\\x1b[31m cannot be made")


def test_a_folder_of_prefect_that_cannot_be_written_is_refused(
    command: Command, tmp_path: Path, corpus: Path, store: Path
) -> None:
    """One that exists may name a server, so no other is used in its place."""
    (tmp_path / "home" / ".prefect").mkdir()

    refused = command(f"--corpus={corpus}", f"--store={store}", *small)

    assert 2 == refused.returncode
    assert f"{tmp_path}/home/.prefect cannot be written: set PREFECT_HOME" in sentence(refused)
    assert not store.exists()


def test_a_store_that_cannot_be_written_is_refused(
    command: Command, tmp_path: Path, corpus: Path
) -> None:
    """The dry run says so too, before anything is trained."""
    for options in ((), ("--dry_run",)):
        refused = command(f"--corpus={corpus}", f"--store={tmp_path}/home/store", *small, *options)

        assert 2 == refused.returncode
        assert "name a store that this user can write" in sentence(refused)
