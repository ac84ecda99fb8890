"""Logs: the packages' own warnings reach a run's log in Prefect; bad input has no traceback there."""

from __future__ import annotations

import logging

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler

from flows.exceptions import expected_errors

prefect_loggers = ("prefect.task_runs", "prefect.flow_runs", "prefect.flow_engine")


def install() -> None:
    """Set up the loggers of this process; done twice it changes nothing."""
    for name in prefect_loggers:
        logging.getLogger(name).addFilter(without_traceback)
    logger = logging.getLogger("flows")
    if not any(isinstance(handler, RunLogHandler) for handler in logger.handlers):
        logger.addHandler(RunLogHandler())
        logger.setLevel(logging.INFO)


class RunLogHandler(APILogHandler):
    """Sends what the packages log during a run to the run's log at the Prefect server."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send `record`, unless no run is going on."""
        if FlowRunContext.get() or TaskRunContext.get():
            super().emit(record)


def without_traceback(record: logging.LogRecord) -> bool:
    """Remove the traceback of an expected error from a record; let every record pass."""
    if record.exc_info and isinstance(record.exc_info[1], expected_errors):
        record.exc_info = None
    return True
