"""A training on a site that would never end by itself, and the same with few epochs left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.storage.checkpoints import newest_run
from flows.storage.open_run import open_run
from flows.storage.stores import open_store
from tests.support.site import Site, checkpoints, eventually

planned = 500_000  # iterations between checkpoints: some seconds
endless = {"hidden_size": 8, "epochs": 1_000_000, "checkpoint_every": planned}


def begin(site: Site, store: Path, model: str) -> str:
    """Start an endless run and wait for its first chunk; its id."""
    run_id = site.run("retrain/manual", model=model, store=str(store), training=endless)
    eventually(lambda: checkpoints(store, model)[1:], within=90)
    return run_id


def finish(site: Site, store: Path, model: str) -> dict[str, Any]:
    """Request the same training again, with few epochs left; the finished run."""
    target = open_store(str(store))
    epoch = open_run(str(store), model, newest_run(target, model)).iterations_per_epoch
    epochs = checkpoints(store, model)[-1].iteration // epoch + 2
    training = endless | {"epochs": epochs}
    run = site.run("train/manual", model=model, store=str(store), training=training)
    return site.finished(run, within=120)
