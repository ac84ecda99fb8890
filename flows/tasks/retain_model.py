"""Task: remove what is not kept of a model."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle import retention
from flows.parameters import ModelName, RetentionOptions, StoreUrl
from flows.references import RetainedRef
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("remove what is not kept of {model}")
def retain_model(store: StoreUrl, model: ModelName, options: RetentionOptions) -> RetainedRef:
    """Remove checkpoints and runs that no policy keeps; under the model's lock."""
    plan = retention.retain_model(open_store(store), model, options)
    for removal in plan.removals:
        what = "the whole run" if removal.whole else f"{len(removal.digests):,} checkpoints"
        get_run_logger().info("run %s: removed %s: %s", removal.run_id, what, removal.reason)
    for obstacle in plan.obstacles:
        get_run_logger().warning("%s", obstacle)
    return RetainedRef(
        checkpoints=plan.checkpoints, runs=plan.runs, size=plan.size, obstacles=plan.obstacles
    )
