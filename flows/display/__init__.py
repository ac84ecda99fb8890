"""What people see: the terminal, and artifacts in Prefect's UI."""

from flows import runtime  # noqa: F401 - before Prefect is imported
