"""Task: publish the page of a model in Prefect's UI."""

from __future__ import annotations

from flows.display.artifacts import show_model_page
from flows.reporting.curve import champion_curve_png
from flows.reporting.story import story_of
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("publish page of model {model}")
def publish_model_page(store: str, model: str) -> None:
    """The champion's bits over the nights, and all decisions, as they are in the store now."""
    story = story_of(open_store(store), model)
    show_model_page(store, story, champion_curve_png(story))
