"""A report to save in a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.storage import reports
from flows.storage.reports import Row, SharedValues
from flows.storage.stores import Store
from flows.storage.versions import Version

shared = SharedValues(
    report_id="0123456789abcdef",
    model="default",
    run_id="f" * 16,
    dataset_id="d" * 16,
    created_at=datetime(2026, 11, 22, 13, 54, 21, 123456, tzinfo=UTC),
)
texts = ("plain", "line\r\nends\x00", "道可道 🦊", "", 'It\'s "quoted"')
rows = [
    Row(
        iteration=2**40,
        checkpoint_digest="c" * 64,
        kind="snapshot" if number == 0 else "sample",
        sample_number=number,
        seed=2**63 - 1,
        priming="the ",
        temperature=0.1 * number,
        text=text,
        nats_per_character=1 / 3,
    )
    for number, text in enumerate(texts)
]


def save_report(store: Store, model: str, report_id: str, version: Version, **changes: Any) -> None:
    """Save a report about the checkpoint of a version: two samples at each of three temperatures."""
    given = shared._replace(report_id=report_id, model=model, run_id=version.run_id)
    given = given._replace(dataset_id=version.dataset_id or "")
    drawn = [
        rows[1]._replace(
            **{
                "checkpoint_digest": version.digest,
                "iteration": 7,
                "sample_number": number,
                "seed": 0,
                "temperature": (0.0, 0.5, 1.0)[number // 2],
                "text": f"sample {number} of {version.digest[:4]}\n  end",
                **changes,
            }
        )
        for number in range(6)
    ]
    reports.save(store, given, drawn)
