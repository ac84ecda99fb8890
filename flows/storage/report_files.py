"""Where the files of reports are: a folder a model and month; a file a report, or several parts."""

from __future__ import annotations

import re
from typing import NamedTuple

from flows.storage.stores import Store

sample_folder = "reports/samples"
summary_folder = "reports/summaries"
month_form = re.compile("[0-9]{4}-[0-9]{2}")


class ReportPlace(NamedTuple):
    """Where a report is written: its model, its id, and the month of its checkpoint's record."""

    model: str
    report_id: str
    month: str  # as 2026-11

    def samples(self, part: int | None = None) -> str:
        """Path of all samples, or of a part of them."""
        ending = "" if part is None else f"-{part:04}"
        return f"{sample_folder}/{self.model}/{self.month}/{self.report_id}{ending}.parquet"

    @property
    def summary(self) -> str:
        """Path of its summary, which is written last: where it is, the report is complete."""
        return f"{summary_folder}/{self.model}/{self.month}/{self.report_id}.parquet"


def path_of_first_format(model: str, report_id: str) -> str:
    """Path of a report of format 1."""
    return f"{sample_folder}/{model}-{report_id}.parquet"


def is_there(store: Store, path: str) -> bool:
    """Whether the store has an object at `path`."""
    folder, _, name = path.rpartition("/")
    return name in store.names(folder)


def sample_paths(store: Store, model: str, report_id: str) -> list[str]:
    """Paths of the files that hold a report's samples, in their order; none where it is not there."""
    if is_there(store, old := path_of_first_format(model, report_id)):
        return [old]
    own = re.compile(rf"{re.escape(report_id)}(-[0-9]{{4,}})?\.parquet")
    return _newest(store, f"{sample_folder}/{model}", own)


def summary_path(store: Store, model: str, report_id: str) -> str | None:
    """Path of a report's summary; None where it is not there."""
    own = re.compile(rf"{re.escape(report_id)}\.parquet")
    return next(iter(_newest(store, f"{summary_folder}/{model}", own)), None)


def _newest(store: Store, folder: str, names: re.Pattern[str]) -> list[str]:
    """The files of such names in the newest month that has one."""
    for month in filter(month_form.fullmatch, reversed(store.names(folder))):
        if found := [n for n in store.names(f"{folder}/{month}") if names.fullmatch(n)]:
            return [f"{folder}/{month}/{name}" for name in found]
    return []
