"""The `retention` flow: remove checkpoints, runs and datasets that are not kept."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("retention")

from flows import dry_run
from flows.parameters import ModelName, Retention, StoreUrl, WhenBusy, default
from flows.retention_result import RetentionResult, retention_result
from flows.runtime.decorators import flow
from flows.runtime.exclusive import exclusive_run
from flows.runtime.run_names import of_model
from flows.tasks.find_model import find_model
from flows.tasks.retain_model import retain_model
from flows.tasks.retain_store import retain_store


@flow(run_name=of_model("retention"), dry_run=(dry_run.retention,))
def retention(
    model: ModelName = default(ModelName),
    retention: Retention = default(Retention),
    when_busy: WhenBusy = default(WhenBusy),
    store: StoreUrl = default(StoreUrl),
) -> RetentionResult:
    """Remove a model's checkpoints and runs that are not kept, and datasets that no run names.

    Every retrain does the same at its end; `--dry_run` shows what would be removed, and why.
    """
    find_model(store, model)
    with exclusive_run(store, model, when_busy):
        retained = retain_model(store, model, retention)
    return retention_result(model, retained, retain_store(store))
