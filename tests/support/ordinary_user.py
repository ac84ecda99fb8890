"""Commands for which the permissions of files count, also if the tests run as root."""

from __future__ import annotations

import os
from pathlib import Path

capabilities = "-dac_override,-dac_read_search"  # with which root ignores permissions


def as_ordinary_user(*command: str) -> list[str]:
    """The command, without root's rights over files."""
    restricted = ["setpriv", f"--bounding-set={capabilities}", f"--inh-caps={capabilities}"]
    return [*(restricted if os.geteuid() == 0 else []), *command]


def read_only(folder: Path) -> Path:
    """A folder in which nothing can be written any more, as in an image."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder
