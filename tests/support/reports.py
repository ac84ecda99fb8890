"""A report to save in a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from flows.storage import reports
from flows.storage.report_files import ReportPlace
from flows.storage.report_schema import samples, schema_of, summaries
from flows.storage.stores import Store
from flows.storage.versions import Version

place = ReportPlace("default", "0123456789abcdef", "2026-11")
path = place.samples()
schema = schema_of(samples)
run_id, digest = "f" * 16, "c" * 64
texts = ("plain", "line\r\nends\x00", "道可道 🦊", "", 'It\'s "quoted"')
created_at = datetime(2026, 11, 22, 13, 54, 21, 123456, tzinfo=UTC)
shared: dict[str, Any] = {
    "report_id": place.report_id,
    "model": place.model,
    "run_id": run_id,
    "dataset_id": "d" * 16,
    "iteration": 2**40,
    "checkpoint_digest": digest,
    "created_at": created_at,
    "schema_version": 2,
    "corpus": "corpus.txt",
    "seed": 2**63 - 1,
    "priming": "the ",
    "nats_per_character": 1 / 3,
    "hidden_state": "zeros",
    "top_p": 1.0,
    "stopped": False,
}
rows: list[dict[str, Any]] = [
    {
        **dict.fromkeys(schema.names),
        **shared,
        "kind": "snapshot" if number == 0 else "sample",
        "sample_number": number,
        "temperature": 0.1 * number,
        "text": text,
        "characters": len(text),
    }
    for number, text in enumerate(texts)
]


def save_report(store: Store, model: str, report_id: str, version: Version, **changes: Any) -> None:
    """Save a report about the checkpoint of a version: two samples at each of three temperatures."""
    where = ReportPlace(model, report_id, "2026-11")
    about = {"report_id": report_id, "model": model, "run_id": version.run_id, "iteration": 7}
    about |= {"dataset_id": version.dataset_id, "checkpoint_digest": version.digest}
    drawn = [
        {
            **rows[1],
            **about,
            "sample_number": number // 3,
            "seed": 0,
            "temperature": number % 3 / 2,
            "text": f"sample {number} of {version.digest[:4]}\n  end",
            **changes,
        }
        for number in range(6)
    ]
    for row in drawn:
        row["characters"] = len(row["text"])
    reports.save(store, where, where.samples(), table_of(drawn))


def table_of(rows: list[dict[str, Any]], **changes: Any) -> pa.Table:
    """Rows of a report, with these values in all of them."""
    return pa.Table.from_pylist([row | changes for row in rows], schema)


def save(store: Store, rows: list[dict[str, Any]] = rows, **changes: Any) -> None:
    """Save a report of one file, with these values in all rows."""
    where = place._replace(report_id=changes.get("report_id", place.report_id))
    reports.save(store, where, where.samples(), table_of(rows, **changes))
    reports.save(store, where, where.summary, summary(where))


def summary(where: ReportPlace = place) -> pa.Table:
    """Its summary, of one temperature."""
    numbers = {c.name: 1 for c in summaries if c.type in {pa.int32(), pa.int64(), pa.float64()}}
    row = numbers | shared | {"report_id": where.report_id, "stopped": 0.0}
    return pa.Table.from_pylist([row], schema_of(summaries))
