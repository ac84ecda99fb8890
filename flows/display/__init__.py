"""What people see: the terminal, and artifacts in Prefect's UI."""

from flows import runtime  # noqa: F401 - before Prefect is imported

__all__ = [  # modules: each is imported by its name
    "artifacts",
    "dataset_page",
    "now_and_then",
    "reading",
    "surprises",
    "tables",
    "terminal",
]
