"""Set a Prefect server up for this project: work pool, automations, deployments.

Done twice it changes nothing; what was switched off by hand stays off.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import AutomationCore, EventTrigger, Posture
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

work_pool = "rnn"
notification_block = "rnn-retraining"  # a notification block of any type, made by the user
scheduled_tags = ("nightly", "weekly")  # as prefect.yaml tags them
bad_states = ("Failed", "Crashed", "TimedOut", "Late")
wait_seconds = 60  # a new server makes its database first
silent_seconds = 90  # three heartbeats
lost_seconds = 300  # as long as the lease of a concurrency slot


def crash_after(
    signs: set[str],
    seconds: int,
    *,
    name: str,
    description: str,
    message: str,
) -> AutomationCore:
    """Crash runs of which nothing is heard for so long after one of `signs`.

    Of this project's pool alone: other people's runs on the server have heartbeats of their own.
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
            after={f"prefect.flow-run.{sign}" for sign in signs},
            expect={"prefect.flow-run.*"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


crash_silent_runs = crash_after(
    {"heartbeat"},
    silent_seconds,
    name="crash runs whose process is gone",
    description="A run that has sent no heartbeat for a while died with its worker or its machine.",
    message=f"No sign of life for {silent_seconds} seconds: its worker or machine stopped."
    " The next run of the same parameters goes on from the last checkpoint.",
)
crash_lost_runs = crash_after(
    {"Pending", "Submitting", "Running"},  # behind the last a heartbeat follows at once
    lost_seconds,
    name="crash runs that no process came of",
    description="A worker took the run, and it ended before it sent a heartbeat.",
    message=f"No sign of life within {lost_seconds} seconds of being taken: the worker that took it"
    " stopped. Run it again, with a worker that is up.",
)


def main() -> None:
    """Bring the server that PREFECT_API_URL names in line with prefect.yaml."""
    url = get_current_settings().api.url
    if not url:
        sys.exit("error: PREFECT_API_URL is not set: set it, or use `make deploy`")
    with get_client(sync_client=True) as client:
        try:
            wait_for_server(client, url)
            make_work_pool(client)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != httpx.codes.UNAUTHORIZED:
                raise
            sys.exit(f"error: the server at {url} wants a password: set PREFECT_API_AUTH_STRING")
        put_automation(client, crash_silent_runs)
        put_automation(client, crash_lost_runs)
        if block := find_notification_block(client):
            put_automation(client, tell_of_bad_nights(block))
        deploy(client)


def wait_for_server(client: SyncPrefectClient, url: str) -> None:
    """Return when the server answers; end with what to do when it does not."""
    deadline = time.monotonic() + wait_seconds
    if isinstance(client.api_healthcheck(), httpx.TransportError):
        print(f"waiting for a Prefect server at {url} …", flush=True)
    while error := client.api_healthcheck():
        if isinstance(error, PrefectHTTPStatusError):
            raise error
        if time.monotonic() > deadline:
            sys.exit(
                f"error: no Prefect server answers at {url} ({error}):"
                " start one with `make server`, or set PREFECT_API_URL"
            )
        time.sleep(1)


def make_work_pool(client: SyncPrefectClient) -> None:
    """The pool that prefect.yaml names; one that is there keeps its type and settings."""
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=work_pool, type="process", base_job_template=template)
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(pool)


def put_automation(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Create or renew an automation; one that was switched off stays off."""
    found = client.read_automations_by_name(automation.name)
    if found:
        kept = automation.model_copy(update={"enabled": found[0].enabled})
        client.update_automation(found[0].id, kept)
    else:
        client.create_automation(automation)


def find_notification_block(client: SyncPrefectClient) -> UUID | None:
    """The block that people made to be told through, if they did."""
    documents = client.read_block_documents(include_secrets=False)
    return next((block.id for block in documents if block.name == notification_block), None)


def tell_of_bad_nights(block: UUID) -> AutomationCore:
    """Tell through `block` of scheduled runs that failed or did not start in time."""
    return AutomationCore(
        name="tell of scheduled runs that fail or are late",
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


def deploy(client: SyncPrefectClient) -> None:
    """Deploy all of prefect.yaml, and put right what Prefect's own command leaves open."""
    paused = {
        (deployment.id, schedule.slug)
        for deployment in read_deployments(client)
        for schedule in deployment.schedules
        if not schedule.active
    }
    # Prefect makes the automations of prefect.yaml anew each time, and switches them on.
    switched_off = [found.name for found in client.read_automations() if not found.enabled]
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    for name in switched_off:
        for automation in client.read_automations_by_name(name):
            client.pause_automation(automation.id)
    for deployment in read_deployments(client):
        refuse_unknown_parameters(client, deployment)
        for schedule in deployment.schedules:
            if (deployment.id, schedule.slug) in paused:
                client.update_deployment_schedule(deployment.id, schedule.id, active=False)
        flow_name = (deployment.entrypoint or "").rpartition(":")[2]
        print(f"deployed {flow_name}/{deployment.name}: {deployment.description}")


def read_deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """The deployments of this project's pool."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool]))
    return client.read_deployments(work_pool_filter=pool)


def refuse_unknown_parameters(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """Have the server refuse a parameter that the flow does not have, as it does in sections."""
    schema = (deployment.parameter_openapi_schema or {}) | {"additionalProperties": False}
    client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=schema))


if __name__ == "__main__":
    main()
