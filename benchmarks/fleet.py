"""What a night of many models costs, on paper, from pieces that are measured; and what ends first.

`python -m benchmarks fleet` measures 60 models; `python -m benchmarks fleet 1000` a thousand.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.server import embedded_server
from benchmarks.side_by_side import Claim, compare
from flows.reporting.pages.index_page import write_index
from flows.storage import bounds
from flows.storage.runs import models
from flows.storage.stores import open_store

sizes = (10, 100, 1_000, 10_000, 1_000_000)
sample, listed = 60, 10_000  # models that are retrained; names in a folder that is listed
characters = 2_000  # of a model's text: so few that all but the training is seen
night_seconds = 8 * 3600
inode_bytes = 16 << 10  # of a disk, for each file that it has room for: what ext4 is made with


@dataclass(frozen=True, slots=True)
class Costs:
    """What one model costs, and what a night costs whatever it finds."""

    night_seconds: float  # of a flow that has nothing to do
    look_seconds: float  # to find a model unchanged
    retrain_seconds: float  # to retrain one, besides its training
    index_seconds: float  # its row in the page of all models
    list_seconds: float  # its name in a listing
    index_bytes: float
    row_bytes: float  # of the table of models
    outcome_bytes: float
    database_bytes: float  # Prefect's, for a retraining
    files: float  # in the store
    store_bytes: float


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that ends at a number of models."""

    what: str
    models: float
    then: str


def table(count: int = sample) -> Iterator[str]:
    """The lines to print: rates side by side, the pieces, the nights, and the limits."""
    with tempfile.TemporaryDirectory() as folder, embedded_server(Path(folder)):
        costs, claims = measure(Path(folder), count)
    yield "All threads beside one, models that are unchanged:"
    yield from (claim.line() for claim in claims)
    yield f"\nOne of {count:,} models of {characters:,} characters:"
    yield from (f"- {field.name}: {getattr(costs, field.name):,.4g}" for field in fields(costs))
    yield "\n" + "\n".join(nights(costs))
    yield "\nWhat ends first:"
    yield from (f"- {each.models:,.0f} models: {each.what}: {each.then}" for each in limits(costs))


def nights(costs: Costs) -> Iterator[str]:
    """A row for each number of models."""
    yield (
        "| models | unchanged | retrained | page of all | its size | outcomes | Prefect's database"
        " | files | disk |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for count in sizes:
        cells = [
            f"{count:,}",
            duration(costs.night_seconds + count * costs.look_seconds),
            duration(costs.night_seconds + count * costs.retrain_seconds),
            duration(count * (costs.index_seconds + costs.list_seconds)),
            size(count * costs.index_bytes),
            size(count * costs.outcome_bytes),
            size(count * costs.database_bytes),
            f"{count * costs.files:,.0f}",
            size(count * costs.store_bytes),
        ]
        yield f"| {' | '.join(cells)} |"


def limits(costs: Costs) -> list[Limit]:
    """What ends, the smallest number of models first."""
    found = [
        Limit("rows of a table of models", bounds.models, "use several tables"),
        Limit("bytes of a table of models", bounds.models_table / costs.row_bytes, "as before"),
        Limit(
            "bytes of the page of all models", bounds.page / costs.index_bytes, "use several stores"
        ),
        Limit(
            "bytes of a file of outcomes", bounds.report / costs.outcome_bytes, "use several tables"
        ),
        Limit(
            "8 hours of retraining on these threads",
            (night_seconds - costs.night_seconds) / costs.retrain_seconds,
            "use more machines",
        ),
        Limit(
            "8 hours of looking on these threads",
            (night_seconds - costs.night_seconds) / costs.look_seconds,
            "use more machines",
        ),
        Limit(
            "10 GB of Prefect's database in a night of retraining",
            10e9 / costs.database_bytes,
            "use PostgreSQL, and a shorter history",
        ),
        Limit(
            "files of a disk of 1 TB",
            1e12 / max(inode_bytes, costs.store_bytes / costs.files) / costs.files,
            "keep fewer checkpoints, or use an object store",
        ),
    ]
    return sorted(found, key=lambda limit: limit.models)


def measure(folder: Path, count: int) -> tuple[Costs, list[Claim]]:
    """Retrain some models, find them unchanged, draw their page, list many names."""
    path = write_table(folder, count)
    store, database = str(folder / "store"), prefect_database()
    before = file_size(database)
    retrained = seconds(lambda: run_fleet(path, store))
    database_bytes = file_size(database) - before
    files = [each for each in Path(store).rglob("*") if each.is_file()]
    one = write_table(folder / "one", 1)
    run_fleet(one, f"{folder}/one/store")
    night = min(seconds(lambda: run_fleet(one, f"{folder}/one/store")) for _ in range(3))

    def unchanged(engine: str) -> float:
        assert run_fleet(path, store, engine).unchanged == count
        return count

    others = {"threads:1": lambda: unchanged("threads:1")}
    claims = compare("looks", "models/s", lambda: unchanged("threads"), others, rounds=3)
    opened = open_store(store)
    index_seconds = min(seconds(lambda: write_index(opened)) for _ in range(3))
    (outcomes,) = sorted((folder / "store/reports/fleet").rglob("*.parquet"))[:1]
    costs = Costs(
        night_seconds=night,
        look_seconds=max(0.0, count / claims[0].ours - night) / (count - 1),
        retrain_seconds=max(0.0, retrained - night) / count,
        index_seconds=index_seconds / count,
        list_seconds=listing_seconds(folder / "listed") / listed,
        index_bytes=(folder / "store/reports/pages/index.html").stat().st_size / count,
        row_bytes=path.stat().st_size / count,
        outcome_bytes=outcomes.stat().st_size / count,
        database_bytes=database_bytes / count,
        files=len(files) / count,
        store_bytes=sum(each.stat().st_blocks * 512 for each in files) / count,
    )
    return costs, claims


def write_table(folder: Path, count: int) -> Path:
    """A table of models, each with a text of its own."""
    folder.mkdir(exist_ok=True)
    rows = []
    for number in range(count):
        text = folder / f"{number}.txt"
        line = f"model {number} is lit, and the tide goes out\n"
        text.write_text((line * characters)[:characters])
        rows.append({"model": f"m{number}", "corpus": str(text)})
    defaults = {"training": {"hidden_size": 8, "epochs": 1}, "sampling": {"length": 20}}
    path = folder / "models.json"
    path.write_text(json.dumps([{"model": "defaults", **defaults}, *rows]))
    return path


def run_fleet(path: Path, store: str, engine: str = "threads") -> Any:
    """The flow's result."""
    from flows.fleet import fleet

    return fleet(models=str(path), store=store, engine=engine)


def listing_seconds(folder: Path) -> float:
    """How long the names of many models take."""
    for number in range(listed):
        (folder / "models" / f"m{number}").mkdir(parents=True)
    store = open_store(str(folder))
    return min(seconds(lambda: models(store)) for _ in range(3))


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def prefect_database() -> Path:
    """The file of the test server's database."""
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    assert url
    return Path(str(url).partition("///")[2])


def file_size(path: Path) -> int:
    """Bytes of a database, with what is in its log."""
    log = path.with_name(f"{path.name}-wal")
    return sum(each.stat().st_size for each in (path, log) if each.exists())


def duration(number: float) -> str:
    """Seconds for people."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if number >= 2 * length:
            return f"{number / length:,.1f} {unit}"
    return f"{number:.1f} s"


def size(number: float) -> str:
    """Bytes for people."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= length:
            return f"{number / length:,.1f} {unit}"
    return f"{number / 1e3:,.1f} kB"
