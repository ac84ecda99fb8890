"""Automations are created once; a later version renames and updates them."""

from __future__ import annotations

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import AutomationCore

from flows.runtime.automations import (
    former_names,
    lost_runs,
    put_automation,
    silent_runs,
)


def names(client: SyncPrefectClient) -> list[str]:
    """The automations on the server."""
    return sorted(automation.name for automation in client.read_automations())


@pytest.mark.parametrize("automation", [silent_runs, lost_runs], ids=lambda found: found.name)
def test_an_automation_of_an_earlier_version_is_renamed(automation: AutomationCore) -> None:
    """It stays switched off if it was, and no second one is created."""
    former = automation.model_copy(update={"name": former_names[automation.name], "enabled": False})
    with get_client(sync_client=True) as client:
        client.create_automation(former)
        before = names(client)

        for _ in range(2):
            put_automation(client, automation)

        (renamed,) = client.read_automations_by_name(automation.name)
        assert not renamed.enabled
        assert automation.trigger == renamed.trigger
        assert sorted({*before, automation.name} - {former.name}) == names(client)


def test_every_former_name_belongs_to_an_automation() -> None:
    """The third is made with the user's notification block."""
    assert {silent_runs.name, lost_runs.name} < set(former_names)
