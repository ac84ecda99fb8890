"""The deployments of prefect.yaml, run as the UI, schedules and events run them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from flows.display.artifacts import artifact_key
from flows.storage.log import Log
from flows.storage.stores import open_store
from tests.support.decisions import decided
from tests.support.site import Site, eventually, small

every_deployment = {
    "ingest/manual",
    "registry/manual",
    "report/manual",
    "report/weekly",
    "retention/manual",
    "retrain/manual",
    "retrain/nightly",
    "retrain/on-corpus-change",
    "score/manual",
    "sweep/manual",
    "train/manual",
    "watch/corpus",
}


def schedules(site: Site) -> dict[str, tuple[str, str, bool]]:
    """Cron, time zone and whether it is active, of every deployment that has a schedule."""
    found = {}
    for name in every_deployment:
        for entry in site.deployment(name)["schedules"]:
            schedule = entry["schedule"]
            found[name] = (schedule["cron"], schedule["timezone"], entry["active"])
    return found


def test_schedules_are_active(site: Site) -> None:
    """Nightly, weekly and watch runs are scheduled with their time zone; others run on request."""
    assert {
        "retrain/nightly": ("0 3 * * *", "UTC", True),
        "report/weekly": ("0 6 * * 1", "UTC", True),
        "watch/corpus": ("*/10 * * * *", "UTC", True),
    } == schedules(site)


def test_runs_start_in_the_environment_that_deployed(site: Site) -> None:
    """The worker starts their process itself, which takes less time than Prefect's supervisor."""
    for name in every_deployment:
        command = site.deployment(name)["job_variables"]["command"]
        assert command.endswith(" -m prefect.engine")
        assert Path(command.split()[0]).parent == Path(sys.executable).parent


def test_deploying_again_changes_nothing(site: Site) -> None:
    """No second pool, automation or deployment; what was switched off by hand stays off."""

    def existing() -> dict[str, list[str]]:
        kinds = ("work_pools", "automations", "deployments")
        return {kind: sorted(entry["name"] for entry in site.filter(kind)) for kind in kinds}

    def automations() -> dict[str, str]:
        enabled = [entry for entry in site.filter("automations") if entry["enabled"]]
        return {entry["name"]: entry["id"] for entry in enabled}

    def switch(name: str, *, on: bool) -> None:
        (found,) = (entry for entry in site.filter("automations") if entry["name"] == name)
        site.api.patch(f"/automations/{found['id']}", json={"enabled": on}).raise_for_status()

    weekly = site.deployment("report/weekly")
    paused = f"/deployments/{weekly['id']}/schedules/{weekly['schedules'][0]['id']}"
    site.api.patch(paused, json={"active": False}).raise_for_status()
    watched = "retrain when a corpus changes"
    switch(watched, on=False)
    before, on_before = existing(), automations()

    output = site.deploy()

    assert before == existing()
    assert on_before == automations()
    assert watched not in on_before
    switch(watched, on=True)
    assert all(f"deployed {name}: " in output for name in every_deployment)
    assert schedules(site)["report/weekly"][2] is False


def test_run_requested_in_the_form_completes(site: Site, tmp_path: Path) -> None:
    """The run writes its progress, page and table under the model's name."""
    run = site.finished(site.run("retrain/manual", model="asked", store=str(tmp_path), **small))

    assert "COMPLETED" == run["state_type"], run["state"]["message"]
    artifacts = site.filter("artifacts", flow_runs={"id": {"any_": [run["id"]]}})
    kinds = ("model", "progress", "retrain", "samples")
    keys = {artifact_key(kind, str(tmp_path), "asked") for kind in kinds}
    (dataset,) = open_store(str(tmp_path)).names("datasets")
    keys.add(artifact_key("dataset", str(tmp_path), dataset))
    assert keys == {artifact["key"] for artifact in artifacts}
    assert list(tmp_path.glob("reports/samples/**/*.parquet"))


def test_a_version_is_chosen_in_the_form(site: Site, tmp_path: Path) -> None:
    """The run says what was decided."""
    versions = decided(open_store(str(tmp_path)), "pp")

    run = site.finished(
        site.run("registry/manual", action="rollback", model="m", store=str(tmp_path))
    )

    assert ("COMPLETED", "Rolled Back") == (run["state_type"], run["state"]["name"])
    assert "rolled back from version 1 to version 0" in run["state"]["message"]
    assert 0 == next(versions.history().champions())


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"training": {"hidden_size": 0}}, "training.hidden_size"),
        ({"training": {"learning_rate": "fast"}}, "training.learning_rate"),
        ({"training": {"dtype": "float16"}}, "training.dtype"),
        ({"training": {"hiden_size": 8}}, "hiden_size"),
        ({"evaluation": {"held_out": 1}}, "evaluation.held_out"),
        ({"sampling": {"temperatures": [-1]}}, "sampling.temperatures[0]"),
        ({"model": "../x"}, "model"),
        ({"seed": -1}, "seed"),
        ({"corpus": []}, "corpus"),
        ({"corpus": [""]}, "corpus[0]"),
        ({"corpus": "https://me:hidden@127.0.0.1/text"}, "corpus"),
        ({"store": "s3://key:hidden@bucket/store"}, "store"),
        ({"corpus": "https://hidden@127.0.0.1/text"}, "corpus"),
        ({"corpus": "https://127.0.0.1/text?pwd=hidden"}, "corpus"),
        ({"corpus": ["https://127.0.0.1/text?X-Amz-Signature=hidden"]}, "corpus[0]"),
        ({"store": "s3://bucket/store?a=1&token=hidden"}, "store"),
        ({"corpus": "s3://KEY:hid/den@bucket/text"}, "corpus"),
        ({"corpus": "https://127.0.0.1/$AWS_SECRET_ACCESS_KEY/text"}, "corpus"),
        ({"corpus": ["zip://a\n::https://127.0.0.1/text?api%5Fkey=hidden"]}, "corpus[0]"),
        ({"encoding": "x" * 1000}, "encoding"),
        ({"modle": "kjv"}, "modle"),
    ],
)
def test_bad_parameter_is_refused_by_name(
    site: Site, parameters: dict[str, Any], named: str
) -> None:
    """A bad value or an unknown name creates no run, and the answer names the parameter."""
    before = len(site.runs_of("retrain/manual"))

    answer = site.request_run("retrain/manual", **parameters)

    assert httpx.codes.CONFLICT == answer.status_code
    assert f"'{named}'" in answer.json()["detail"]
    assert before == len(site.runs_of("retrain/manual"))


def test_run_that_fails_says_what_to_do(site: Site) -> None:
    """The state has the sentence of the command line."""
    run = site.finished(site.run("retrain/manual", corpus="no/such.txt"))

    assert "FAILED" == run["state_type"]
    expected = "the corpus no/such.txt does not exist: give the path or URL of a text"
    assert expected in run["state"]["message"]


def test_a_run_reads_nothing_from_this_machine(site: Site) -> None:
    """Such as the server's own API; the worker says at its start what else can be read."""
    run = site.finished(site.run("retrain/manual", corpus=f"{site.url}/api/health"))

    assert "FAILED" == run["state_type"]
    assert "is at a loopback or link-local address" in run["state"]["message"]
    assert "RNN_CORPUS_ALLOW is not set" in (site.project / "worker.log").read_text()


def test_schedule_fires(site: Site, tmp_path: Path) -> None:
    """A schedule with its own parameters starts runs at its times by itself."""
    nightly = f"/deployments/{site.deployment('retrain/nightly')['id']}/schedules"
    schedule = {"interval": 15, "anchor_date": datetime.now(UTC).isoformat()}
    parameters = {"model": "night", "store": str(tmp_path), **small}
    entry = {"active": True, "schedule": schedule, "parameters": parameters}
    created = site.api.post(nightly, json=[entry]).raise_for_status().json()[0]

    def completed() -> list[dict[str, Any]]:
        runs = [run for run in site.runs_of("retrain/nightly") if run["auto_scheduled"]]
        return [run for run in runs if run["state_type"] == "COMPLETED"][1:]

    try:
        assert "night" == eventually(completed, within=90)[0]["parameters"]["model"]
    finally:
        site.api.delete(f"{nightly}/{created['id']}").raise_for_status()


@pytest.fixture
def notifications() -> Iterator[tuple[str, list[str]]]:
    """The URL of a receiver of notifications on loopback, and the notifications so far."""
    received: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


make_block = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock as Webhook
Webhook(name="test", url=sys.argv[1], json_data={"message": "{{subject}} {{body}}"}).save("rnn-retraining")
"""


def test_failed_nightly_run_is_notified(site: Site, notifications: tuple[str, list[str]]) -> None:
    """With a notification block of the expected name, deploying switches the automation on."""
    url, received = notifications
    environment = site.environment | {"PREFECT_API_URL": f"{site.url}/api"}
    subprocess.run([sys.executable, "-c", make_block, url], env=environment, check=True)
    site.deploy()

    site.finished(site.run("retrain/nightly", model="dark", corpus="no/such.txt"))

    message = eventually(lambda: received, within=30)[0]
    assert "retrain dark 20" in message
    assert ": Failed" in message
    assert "the corpus no/such.txt does not exist" in message


def watch(site: Site, corpus: Any, store: Path) -> dict[str, Any]:
    """Run the watch on `corpus`; the finished flow run."""
    asked = {"model": "sung", "training": {"hidden_size": 8}, "store": str(store)}
    return site.finished(site.run("watch/corpus", corpus=corpus, **asked))


def test_changed_corpus_is_retrained_on(site: Site, tmp_path: Path) -> None:
    """First check and no change start nothing; a change starts one run with that corpus."""
    text = (site.project / "data/corpus/songs.txt").read_text()
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text(text)
    second.write_text(text)
    corpus = [str(first), str(second)]

    for _ in range(2):
        assert "COMPLETED" == watch(site, corpus, tmp_path / "store")["state_type"]
    log = Log(open_store(str(tmp_path / "store")), f"sources/{source_id(tmp_path)}/log")
    assert 0 == log.list_records().head
    assert not site.runs_of("retrain/on-corpus-change")

    second.write_text(text + "And one line more.\n")
    watch(site, corpus, tmp_path / "store")

    run = eventually(lambda: site.runs_of("retrain/on-corpus-change"), within=30)[0]
    assert corpus == run["parameters"]["corpus"]
    wanted = {"model": "sung", "store": str(tmp_path / "store"), "seed": 0}
    assert wanted == {name: run["parameters"][name] for name in wanted}
    assert 8 == run["parameters"]["training"]["hidden_size"]
    assert 1 == log.list_records().head


def source_id(folder: Path) -> str:
    """The one source recorded in the store of `folder`."""
    (source,) = (folder / "store/sources").iterdir()
    return source.name
