"""The tasks, one a file: each loads, calls a lower layer, saves, and returns a reference."""

from flows import runtime  # noqa: F401 - before Prefect is imported
