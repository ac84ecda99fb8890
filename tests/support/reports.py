"""A report to save in a store."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.storage.reports import Row, SharedValues

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
