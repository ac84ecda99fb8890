"""Task: make the profile of a dataset, and show it in Prefect's UI."""

from __future__ import annotations

from flows.display.dataset_page import show_dataset_page
from flows.lifecycle.profiling import ensure_profile
from flows.references import DatasetRef, ProfileRef
from flows.reporting.character_chart import character_chart_svg
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("profile dataset {dataset.dataset_id}")
def profile_dataset(dataset: DatasetRef) -> ProfileRef:
    """Measure a dataset; one that has a profile in the store is not measured again."""
    profile = ensure_profile(open_store(dataset.store), dataset.dataset_id, dataset.files)
    show_dataset_page(dataset.store, profile, character_chart_svg(profile))
    return ProfileRef(
        store=dataset.store, dataset_id=dataset.dataset_id, entropies=profile.bits_by_order
    )
