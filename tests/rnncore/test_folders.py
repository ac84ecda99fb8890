"""Caches are in the first folder that can be written; a temporary one is nobody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import rnncore
from rnncore.folders import cache_folders, is_own, private_folder
from rnncore.kernels.simd import caching
from tests.support.ordinary_user import as_ordinary_user, read_only

program = """
import logging, sys
from rnncore.kernels.simd.caching import cache_folder
logging.basicConfig(format="%(message)s", stream=sys.stderr)
print(cache_folder())
"""
places = ("configured", "package", "user", "temporary")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, in which every user may write."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("missing", range(4))
def test_machine_code_is_in_the_first_folder_that_can_be_written(
    tmp_path: Path, missing: int
) -> None:
    """`NUMBA_CACHE_DIR`, the package, the user's cache, a private temporary folder."""
    folders = {name: tmp_path / name for name in places}
    package = shutil.copytree(
        Path(rnncore.__file__).parent,
        folders["package"] / "rnncore",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in places:
        folders[name].mkdir(exist_ok=True)
    for name in places[:missing]:
        read_only(folders[name])
    folders["package"] = package / "kernels" / "__pycache__"

    found = subprocess.run(
        as_ordinary_user(sys.executable, "-P", "-c", program),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path / "package"),
            "NUMBA_CACHE_DIR": str(folders["configured"]),
            "XDG_CACHE_HOME": str(folders["user"]),
            "TMPDIR": str(folders["temporary"]),
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert Path(found.stdout.strip()).is_relative_to(folders[places[missing]])
    assert ("cannot be written: compiled kernels are kept in" in found.stderr) == (missing > 0)


def test_without_a_folder_each_process_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says what to set."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(caching, "possible_folders", lambda: [tmp_path / "file" / "cache"])
    caching.cache_folder.cache_clear()
    caching.cache_of.cache_clear()
    try:
        assert caching.cache_of(private_folder) is None
    finally:
        caching.cache_folder.cache_clear()
        caching.cache_of.cache_clear()

    assert "set NUMBA_CACHE_DIR to a folder for them" in caplog.text


def test_importing_the_kernels_writes_nothing(tmp_path: Path) -> None:
    """A folder for machine code is looked for when a kernel is first called."""
    subprocess.run(
        [sys.executable, "-c", "import rnncore.kernels.training, rnncore.kernels.inference"],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        check=True,
    )

    assert [] == list(tmp_path.iterdir())


def test_a_private_folder_is_used_again(temporary: Path) -> None:
    """It is its owner's alone, and its name cannot be guessed."""
    first = private_folder("cache-")

    assert first.parent == temporary
    assert 0o700 == first.stat().st_mode & 0o777
    assert first == private_folder("cache-")


@pytest.mark.parametrize("planted", ["file", "link", "open to others", "of another user"])
def test_a_planted_folder_is_not_used(temporary: Path, tmp_path: Path, planted: str) -> None:
    """Whoever can write machine code runs code as its reader."""
    place = temporary / "cache-planted"
    if planted == "file":
        place.write_text("")
    elif planted == "link":
        (tmp_path / "own").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "own")
    elif planted == "open to others":
        place.mkdir()
        place.chmod(0o770)
    else:
        place.mkdir(mode=0o700)
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder to another user")
        os.chown(place, 12345, 12345)

    assert place != private_folder("cache-")


def test_a_folder_that_others_can_replace_is_not_used(temporary: Path) -> None:
    """Without the sticky bit everyone may rename what is in the folder for temporary files."""
    temporary.chmod(0o777)

    with pytest.raises(PermissionError, match="other users can replace what is in"):
        private_folder("cache-")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_the_cache_of_another_user_is_not_used(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sudo` may keep the home of the user who called it."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))

    assert not is_own(home)
    (only,) = cache_folders("cache")
    assert only.parent == temporary


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the specification of `XDG_CACHE_HOME` says: it would depend on the working directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert tmp_path / ".cache" / "name" == next(cache_folders("name"))
