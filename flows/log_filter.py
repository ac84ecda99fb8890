"""What is wrong with somebody's input is one sentence in a log, without a traceback behind it."""

from __future__ import annotations

import logging

loggers = ("prefect.task_runs", "prefect.flow_runs", "prefect.flow_engine")


def install() -> None:
    """Filter what Prefect logs of tasks and flows in this process."""
    for name in loggers:
        logging.getLogger(name).addFilter(leave_tracebacks_out)


def leave_tracebacks_out(record: logging.LogRecord) -> bool:
    """Take the traceback of an expected error from a record; let every record pass."""
    from flows.exceptions import expected_errors  # here, for what starts without the mathematics

    if record.exc_info and isinstance(record.exc_info[1], expected_errors):
        record.exc_info = None
    return True
