"""Prefect's folder: a temporary one where its own can be neither made nor entered."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def ensure_prefect_home() -> str | None:
    """Set `PREFECT_HOME` to a private temporary folder if it has to be; a sentence that says so.

    Prefect looks into its folder when it is imported, even for `--help`, and raises if this user
    has no home. A folder that exists stays, even if it cannot be written: it may name a server.
    """
    try:
        Path.home()
    except RuntimeError:  # neither HOME nor an account, as of an arbitrary user in a container
        os.environ["HOME"] = "/"
    home = os.environ.get("PREFECT_HOME") or "~/.prefect"
    with suppress(OSError, RuntimeError):
        path = Path(home).expanduser()
        # A home that does not exist is not made, but a folder that somebody has named is.
        path.mkdir(mode=0o700, parents="PREFECT_HOME" in os.environ, exist_ok=True)
        if os.access(path, os.R_OK | os.X_OK):
            return None
    from rnncore.folders import private_folder  # imports numpy, which others have no need of yet

    try:
        folder = str(private_folder("rnn-prefect-"))
    except OSError:
        return f"Prefect's folder {home} cannot be made: set PREFECT_HOME to one that can"
    os.environ["PREFECT_HOME"] = folder
    return (
        f"Prefect's folder {home} cannot be made, so its embedded server uses {folder}:"
        " set PREFECT_HOME to choose another"
    )
