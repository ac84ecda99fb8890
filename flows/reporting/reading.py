"""Where a report is, and a command that reads it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from flows.visible import visible


def report_lines(url: str) -> dict[str, str]:
    """Where a report is, and a command that reads it."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    name = visible(json.dumps(url, ensure_ascii=False))  # escapes of Python, too
    table = f"p.read_table({name}, partitioning=None)"  # a folder may be called model=x
    code = f'import pyarrow.parquet as p; print(*{table}["text"], sep="\\n---\\n")'
    return {"report": url, "read it with": f"{shlex.quote(str(python))} -c {shlex.quote(code)}"}
