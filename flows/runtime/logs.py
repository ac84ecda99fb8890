"""Logs: the packages' own warnings reach a run's log in Prefect; bad input has no traceback there.

No message has characters that could control a terminal, or lines that look like other messages.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run

from flows.exceptions import expected_errors
from flows.storage import damage
from flows.visible import visible

most_remembered = 1024  # warnings about corrupt objects
prefect_loggers = ("prefect.task_runs", "prefect.flow_runs", "prefect.flow_engine")


def install() -> None:
    """Set up the loggers of this process; done twice it changes nothing."""
    for name in prefect_loggers:
        logging.getLogger(name).addFilter(without_traceback)
        logging.getLogger(name).addFilter(make_visible)
    for logger in map(logging.getLogger, ("flows", "rnncore")):
        if not any(isinstance(handler, RunLogHandler) for handler in logger.handlers):
            logger.addHandler(RunLogHandler())
            logger.setLevel(logging.INFO)
    if not any(isinstance(chosen, OncePerRun) for chosen in damage.logger.filters):
        damage.logger.addFilter(OncePerRun())


class OncePerRun(logging.Filter):
    """Lets a message pass once in each flow run: a log with a corrupt record is read often."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log `record`; always, where no run is going on."""
        if (run_id := flow_run.get_id()) is None:
            return True
        key = run_id, record.getMessage()
        is_new = key not in self._seen
        self._seen[key] = None
        while len(self._seen) > most_remembered:
            self._seen.popitem(last=False)
        return is_new


class RunLogHandler(APILogHandler):
    """Sends what the packages log during a run to the run's log at the Prefect server.

    It comes before the handlers of the root logger, which show a record as it leaves it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(make_visible)

    def emit(self, record: logging.LogRecord) -> None:
        """Send `record`, unless no run is going on."""
        if FlowRunContext.get() or TaskRunContext.get():
            super().emit(record)


def make_visible(record: logging.LogRecord) -> bool:
    """Make the message of a record visible; let every record pass."""
    record.msg, record.args = visible(record.getMessage()), ()
    return True


def without_traceback(record: logging.LogRecord) -> bool:
    """Remove the traceback of an expected error from a record; let every record pass."""
    if record.exc_info and isinstance(record.exc_info[1], expected_errors):
        record.exc_info = None
    return True
