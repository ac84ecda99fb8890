"""Set a Prefect server up for this project: work pool, automations, deployments.

Done twice it changes nothing; what was switched off by hand stays off.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from contextlib import suppress

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError
from prefect.workers.process import ProcessWorker

from flows.runtime.automations import put_automations, work_pool
from flows.runtime.server import server_url
from flows.storage.urls import public_url
from flows.visible import visible

wait_seconds = 60  # a new server makes its database first


def main() -> None:
    """Bring the server that PREFECT_API_URL names in line with prefect.yaml."""
    with server_client() as client:
        prepare_work_pool(client)
        put_automations(client)
        deploy(client)


def server_client() -> SyncPrefectClient:
    """A client of the server; end with what to do where its URL is none."""
    try:
        return get_client(sync_client=True)
    except httpx.InvalidURL as error:
        sys.exit(
            f"error: PREFECT_API_URL is no URL ({visible(str(error))}): use http://host:port/api"
        )


def prepare_work_pool(client: SyncPrefectClient) -> None:
    """Wait for the server, and make the work pool; end with what to do where that is refused."""
    url = server_url()
    if not url:
        sys.exit("error: PREFECT_API_URL is not set: set it, or use `make deploy`, `make worker`")
    try:
        wait_for_server(client, url)
        make_work_pool(client)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.UNAUTHORIZED:
            raise
        shown = visible(public_url(url))
        sys.exit(f"error: the server at {shown} requires a password: set PREFECT_API_AUTH_STRING")


def wait_for_server(client: SyncPrefectClient, url: str) -> None:
    """Return when the server answers; end with what to do when it does not."""
    deadline = time.monotonic() + wait_seconds
    if isinstance(client.api_healthcheck(), httpx.TransportError):
        print(f"waiting for a Prefect server at {visible(public_url(url))} …", flush=True)
    while error := client.api_healthcheck():
        if isinstance(error, PrefectHTTPStatusError):
            raise error
        if time.monotonic() > deadline:
            sys.exit(
                f"error: no Prefect server answers at {visible(public_url(url))}"
                f" ({visible(str(error))}):"
                " start one with `make server`, or set PREFECT_API_URL"
            )
        time.sleep(1)


def make_work_pool(client: SyncPrefectClient) -> None:
    """The pool that prefect.yaml names; an existing one keeps its type and settings."""
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=work_pool, type="process", base_job_template=template)
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(pool)


def deploy(client: SyncPrefectClient) -> None:
    """Deploy all of prefect.yaml; schedules and automations that were switched off stay off."""
    paused = {
        (deployment.id, schedule.slug)
        for deployment in read_deployments(client)
        for schedule in deployment.schedules
        if not schedule.active
    }
    # Prefect creates the automations of prefect.yaml again each time, and switches them on.
    switched_off = [found.name for found in client.read_automations() if not found.enabled]
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    if done.returncode:
        sys.exit("\n".join(map(visible, (done.stdout + done.stderr).splitlines())))
    for name in switched_off:
        for automation in client.read_automations_by_name(name):
            client.pause_automation(automation.id)
    of_processes = client.read_work_pool(work_pool).type == "process"
    for deployment in read_deployments(client):
        refuse_unknown_parameters(client, deployment)
        if of_processes:
            start_engine_at_once(client, deployment)
        for schedule in deployment.schedules:
            if (deployment.id, schedule.slug) in paused:
                client.update_deployment_schedule(deployment.id, schedule.id, active=False)
        flow_name = (deployment.entrypoint or "").rpartition(":")[2]
        print(visible(f"deployed {flow_name}/{deployment.name}: {deployment.description}"))


def read_deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """The deployments of this project's pool."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool]))
    return client.read_deployments(work_pool_filter=pool)


def refuse_unknown_parameters(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """Let the server refuse a parameter that the flow does not have, as it does in sections."""
    schema = (deployment.parameter_openapi_schema or {}) | {"additionalProperties": False}
    client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=schema))


def start_engine_at_once(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """Let the worker start runs without Prefect's supervisor, which first loads Prefect itself.

    They run in this Python environment, as they run in the folder that was deployed from.
    """
    command = f"{shlex.quote(sys.executable)} -m prefect.engine"
    variables = {"command": command} | (deployment.job_variables or {})
    client.update_deployment(deployment.id, DeploymentUpdate(job_variables=variables))
