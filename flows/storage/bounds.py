"""The largest object of each kind, in bytes: a larger one is neither written nor read.

A size is compared before the first byte is read, so a hostile object cannot use up the memory.
"""

from __future__ import annotations

from typing import NamedTuple

from flows.exceptions import StoreError

record = 4 << 20  # of a log
seen_record = 32 << 20  # of a corpus: some 150 bytes for each of its files
run = 64 << 10  # run.json
manifest = 32 << 20  # of a dataset: some 100 bytes for each of its files
profile = 32 << 20  # of a dataset: some 100 bytes for each of 1,000 files, more for odd names
vocabulary = 20 << 20  # every character of Unicode, escaped, takes 17 MB
payload = 4 << 30  # a training state; its record says how large it is
payload_header = 20 << 20  # every character of Unicode, escaped twice, takes 16 MB
report = 256 << 20  # compressed
report_table = 1 << 30  # the same in memory
report_footer = 1 << 20  # its size does not depend on the rows
report_groups = 16  # of rows: one is written
report_rows = 1_000_000
page = 64 << 20  # of a model, as HTML; it is never read
models_table = 64 << 20  # of a fleet, as it is read and as it is unpacked
models = 100_000  # rows of it
probe = 100


class Planned(NamedTuple):
    """An object that is to be written, and the most that is read back of its kind."""

    name: str
    size: int
    most: int
    unit: str = "bytes"
    advice: str = "ask for less in one object"

    def check(self) -> None:
        """Refuse to write an object that no reader would read."""
        if self.size > self.most:
            raise StoreError(
                f"cannot write {self.name}: it has {self.size:,} {self.unit}, and at most"
                f" {self.most:,} are read back: {self.advice}"
            )


def check(name: str, size: int, most: int) -> None:
    """Refuse to write so many bytes if no reader would read them."""
    Planned(name, size, most).check()
