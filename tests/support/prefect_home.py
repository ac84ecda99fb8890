"""Prefect's folder with its database made already, which takes a server seconds at its first start."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path


def prepare(home: Path) -> Path:
    """Put a database of this Prefect, without any runs, in a folder that is not there yet."""
    shared = next((each for each in home.parents if re.fullmatch(r"pytest-\d+", each.name)), None)
    if shared and not home.exists():
        shutil.copytree(_made_once(shared / "prefect-home"), home)
    return home


def _made_once(template: Path) -> Path:
    """The folder that is copied, made by the first process of a test run that needs one."""
    with Path(f"{template}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            new = Path(f"{template}.new")
            clean = {key: value for key, value in os.environ.items() if "PREFECT" not in key}
            subprocess.run(
                [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
                env=clean | {"PREFECT_HOME": str(new)},
                check=True,
                capture_output=True,
            )
            new.rename(template)
    return template
