"""Samples and results whose texts would make a browser fetch something, if they were rendered."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from flows.results import RetrainResult
from tests.support.reports import schema, shared

trap = "trap.invalid"
picture = f"![picture](http://{trap}/a.png)"
rendered = (
    picture,
    f"\n\n{picture}\n\n",
    f"`{picture}`",
    f"``\n```\n{picture}\n```\n",
    f"~~~\n{picture}",
    f"\r\r{picture}\r\r",
    f"a | b \\| c \\\\| {picture} | ` | {picture}",
    f'![picture] <img src="http://{trap}/b.png"><iframe src="//{trap}"></iframe>',
    f"![picture][x]\n\n[x]: http://{trap}/c.png",
    f'</code></pre><img src=x onerror="fetch(`http://{trap}/d`)"> ![picture]',
    f"$$![picture](http://{trap}/e)$$ <svg><image href='http://{trap}/f'/></svg>",
)


def hostile_samples() -> pa.Table:
    """A report of such samples, each at a temperature of its own."""
    rows = [
        {
            **shared,
            "report_id": text,
            "model": "hostile",
            "run_id": text,
            "dataset_id": text,
            "iteration": 1,
            "checkpoint_digest": text,
            "kind": "sample",
            "sample_number": number,
            "seed": 0,
            "priming": picture,
            "temperature": 0.1 * number,
            "text": text,
            "characters": len(text),
            "nats_per_character": 1.0,
            "created_at": datetime.now(UTC),
        }
        for number, text in enumerate(rendered)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def hostile_result(model: str) -> RetrainResult:
    """A result with such texts in all that a record or an address can put into it."""
    text = "".join(rendered)
    return RetrainResult(
        model=model,
        dataset_id=text,
        characters=1,
        vocabulary_size=1,
        run_id=text,
        iteration=1,
        epochs=1,
        checkpoint_digest=text,
        checkpoint_url=text,
        outcome="promoted",
        starts_from=text,
        end_iteration=1,
        warnings=(text,),
        copied={text: (0.5, 0.5)},
        trained_iterations=1,
        characters_per_second=1,
        seconds=1,
        train_bits_per_character=1,
        held_out_bits_per_character=1,
        version=1,
        decision="promoted",
        reason=text,
        champion=1,
        report_id=text,
        report_url=text,
    )
