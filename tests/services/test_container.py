"""The image: built from the Dockerfile, and run as its own user on a root that cannot be written."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import small
from tests.support.containers import Image

compiled = "/var/cache/rnn-kernels"
retrain = ("python", "-m", "flows.retrain", "--json", *small)


@pytest.fixture(scope="module")
def mounts(
    image: Image, kernels: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Empty folders of the image's user, at the places that it writes to."""
    store = f"{image.config['WorkingDir']}/data/store"
    empty = {place: image.own(tmp_path_factory.mktemp("mount")) for place in ("/tmp", store)}
    return {compiled: kernels, **empty}


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a retraining printed, which must have succeeded."""
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def files(folder: Path) -> dict[Path, int]:
    """The files below a folder, with the times of their last changes."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_main_job_runs_as_the_images_user(image: Image, mounts: dict[str, Path]) -> None:
    """Store and compiled kernels are in the mounts; a second container compiles nothing."""
    first = result(image.run(*retrain, mounts=mounts))
    before = files(mounts[compiled])
    shutil.rmtree(mounts["/tmp"] / ".prefect")
    again = image.run(*retrain, "--seed=1", mounts=mounts)

    assert first["trained_iterations"] > 0
    assert result(again)["trained_iterations"] > 0
    store = mounts[f"{image.config['WorkingDir']}/data/store"]
    assert {10001} == {path.stat().st_uid for path in store.rglob("*")}
    assert before
    assert before == files(mounts[compiled])
    assert "cannot be" not in again.stderr


def test_the_image_is_not_roots_and_has_no_tools(image: Image) -> None:
    """Neither a compiler nor pip; its user can write none of its files."""
    assert "10001:10001" == image.config["User"]
    for tool in ("gcc", "make", "git", "pip", "pip3"):
        assert not list(image.root.glob(f"**/bin/{tool}"))
    code = image.root / image.config["WorkingDir"].lstrip("/") / "flows"
    assert {0} == {path.stat().st_uid for path in [code, *code.rglob("*")]}


def test_the_health_check_needs_a_folder_for_temporary_files(
    image: Image, mounts: dict[str, Path]
) -> None:
    """Without one it fails."""
    kind, check = image.config["Healthcheck"]["Test"]
    assert "CMD-SHELL" == kind

    assert 0 == image.run("sh", "-c", check, mounts=mounts).returncode
    assert 0 != image.run("sh", "-c", check, mounts={}).returncode


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("/tmp", "set PREFECT_HOME"), ("store", "name a store that this user can write")],
)
def test_a_missing_mount_is_named(
    image: Image, mounts: dict[str, Path], missing: str, expected: str
) -> None:
    """One sentence says what to set, before anything is trained."""
    present = {place: folder for place, folder in mounts.items() if not place.endswith(missing)}

    refused = image.run(*retrain, mounts=present)

    assert 2 == refused.returncode
    assert expected in refused.stderr.splitlines()[-1]
