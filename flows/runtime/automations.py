"""Prefect automations: runs that died are marked as crashed, bad scheduled runs are notified about."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events import AutomationCore, EventTrigger, Posture
from prefect.events.actions import ChangeFlowRunState, SendNotification

work_pool = "rnn"
notification_block = "rnn-retraining"  # a notification block of any type, made by the user
scheduled_tags = ("nightly", "weekly")  # as prefect.yaml tags them
bad_states = ("Failed", "Crashed", "TimedOut", "Late")
silent_seconds = 90  # three heartbeats
lost_seconds = 300  # as long as the lease of a concurrency slot
former_names = {  # by which an earlier version made them on the server
    "mark runs without heartbeat as crashed": "crash runs whose process is gone",
    "mark runs that never started as crashed": "crash runs that no process came of",
    "notify about failed or late scheduled runs": "tell of scheduled runs that fail or are late",
}


def put_automations(client: SyncPrefectClient) -> None:
    """Create or update all automations; those that were switched off stay off."""
    put_automation(client, silent_runs)
    put_automation(client, lost_runs)
    if block := find_notification_block(client):
        put_automation(client, notify_about_bad_runs(block))


def put_automation(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Create or update an automation, under its present or its former name."""
    names = filter(None, (automation.name, former_names.get(automation.name)))
    found = [existing for name in names for existing in client.read_automations_by_name(name)]
    if found:
        kept = automation.model_copy(update={"enabled": found[0].enabled})
        client.update_automation(found[0].id, kept)
        for superfluous in found[1:]:
            client.delete_automation(superfluous.id)
    else:
        client.create_automation(automation)


def find_notification_block(client: SyncPrefectClient) -> UUID | None:
    """The block that the user made for notifications, if there is one."""
    documents = client.read_block_documents(include_secrets=False)
    return next((block.id for block in documents if block.name == notification_block), None)


def crash_after(
    states: set[str],
    seconds: int,
    *,
    name: str,
    description: str,
    message: str,
) -> AutomationCore:
    """Mark runs as crashed that send no event for so long after one of `states`.

    Only in this project's pool: other runs on the server may have other heartbeats.
    """
    return AutomationCore(
        name=name,
        description=description,
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.role": "work-pool",
                "prefect.resource.name": work_pool,
            },
            for_each={"prefect.resource.id"},
            after={f"prefect.flow-run.{state}" for state in states},
            expect={"prefect.flow-run.*"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


silent_runs = crash_after(
    {"heartbeat"},
    silent_seconds,
    name="mark runs without heartbeat as crashed",
    description="A run without a heartbeat for a while has died with its worker or its machine.",
    message=f"No heartbeat for {silent_seconds} seconds: its worker or machine stopped."
    " The next run with the same parameters goes on from the last checkpoint.",
)
lost_runs = crash_after(
    {"Pending", "Submitting", "Running"},  # the last is followed by a heartbeat at once
    lost_seconds,
    name="mark runs that never started as crashed",
    description="A worker accepted the run, and stopped before the run sent a heartbeat.",
    message=f"No heartbeat within {lost_seconds} seconds after a worker accepted the run: that"
    " worker stopped. Run it again, with a worker that is running.",
)


def notify_about_bad_runs(block: UUID) -> AutomationCore:
    """Notify through `block` about scheduled runs that failed or did not start in time."""
    return AutomationCore(
        name="notify about failed or late scheduled runs",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.id": [f"prefect.tag.{tag}" for tag in scheduled_tags],
                "prefect.resource.role": "tag",
            },
            expect={f"prefect.flow-run.{state}" for state in bad_states},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="{{ flow_run.name }}: {{ flow_run.state.name }}",
                body="{{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
            )
        ],
    )
