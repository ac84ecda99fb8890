"""The first steps of a new user in Prefect's UI in a real browser: the default UI and the older."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import prefect
import pytest
from playwright.sync_api import Locator, Page, expect
from prefect.artifacts import create_markdown_artifact
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.display.artifacts import show_page, show_samples
from tests.support.browser import opened
from tests.support.pages import hostile_result, hostile_samples, picture, rendered, trap
from tests.support.site import Site, checkpoints, eventually, root, small

timeout_ms = 90_000


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty tab of Debian's Chromium."""
    with opened() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 800}, color_scheme="dark")
        page.set_default_timeout(timeout_ms)
        yield page


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: docs/ if KEEP_SCREENSHOTS is set, else a temporary folder."""
    return root / "docs/screenshots" if os.environ.get("KEEP_SCREENSHOTS") else tmp_path


def field(page: Page, title: str) -> Locator:
    """The input of a parameter in the run form."""
    return page.get_by_label(f"{title} (Optional)", exact=True)


def open_form(site: Site, page: Page) -> None:
    """From the server's front page to the run form of `retrain/manual`."""
    page.goto(site.url)
    page.get_by_role("link", name="Deployments").first.click()
    deployment = page.get_by_role("row").filter(has_text="retrain")
    deployment.get_by_role("link", name="manual").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()


def submitted(page: Page) -> int:
    """The status of the server's answer to the form; repeated while SQLite is busy (503).

    The first click after a refusal usually removes the message alone.
    """
    for _ in range(10):
        with page.expect_response("**/create_flow_run") as answer:
            page.get_by_role("button", name="Submit").click()
            page.wait_for_timeout(2000)
            if "/run?" in page.url and page.get_by_role("button", name="Submit").is_enabled():
                page.get_by_role("button", name="Submit").click()
        status: int = answer.value.status
        if status != httpx.codes.SERVICE_UNAVAILABLE:
            break
    return status


def test_the_older_ui_works_too(site: Site, page: Page) -> None:
    """Its form names the field with a bad value, and its page of an artifact shows the picture."""
    run_id = site.run("retrain/manual", model="older", **small)
    page.goto(f"{site.url}/deployments/deployment/{site.deployment('retrain/manual')['id']}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    named = page.get_by_text("Hidden size (Optional)", exact=True)
    hidden_size = page.locator(".schema-form-property", has=named).last.locator("input").last
    hidden_size.fill("0")
    page.get_by_role("button", name="Submit").click()
    refusal = "Validation failed for field 'training.hidden_size'"
    expect(page.get_by_text(refusal).first).to_be_visible(timeout=timeout_ms)

    assert "COMPLETED" == site.finished(run_id)["state_type"]
    page.goto(f"{site.url}/runs/flow-run/{run_id}")
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text("retrain-older").first.click()
    expect(page.get_by_role("img", name="Loss curve")).to_be_visible()


def test_a_new_user_runs_a_deployment(site: Site, page: Page, pictures: Path) -> None:
    """The form names bad values, then starts the run; the run's page links to the loss curve."""
    open_form(site, page)
    field(page, "Model").wait_for()
    page.screenshot(path=pictures / "form.png")
    field(page, "Epochs").fill("20")
    field(page, "Hidden size").fill("0")
    field(page, "Model").fill("New Comer")
    page.get_by_role("button", name="Submit").click()
    refusal = "Value must be greater than or equal to 1."  # the browser's own message
    assert refusal == field(page, "Hidden size").evaluate("input => input.validationMessage")
    field(page, "Hidden size").fill("32")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Validation failed for field 'model'")).to_be_visible(
        timeout=timeout_ms
    )
    field(page, "Model").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # until the message has moved in
    page.screenshot(path=pictures / "refused.png")
    assert not [run for run in site.runs_of("retrain/manual") if "Comer" in str(run)]

    field(page, "Model").fill("newcomer")
    assert httpx.codes.CREATED == submitted(page)
    page.wait_for_url(lambda url: "/run?" not in url)
    (run,) = (run for run in site.runs_of("retrain/manual") if "newcomer" in str(run["parameters"]))
    page.goto(f"{site.url}/v2/runs/flow-run/{run['id']}")
    expect(page.get_by_text("retrain newcomer 20").first).to_be_visible(timeout=timeout_ms)
    promoted = page.get_by_text("Promoted", exact=True).first
    expect(promoted).to_be_visible(timeout=3 * timeout_ms)
    page.wait_for_timeout(2000)  # until the graph of tasks has moved to its place
    page.screenshot(path=pictures / "run.png")

    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("retrain-newcomer").first.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    curve = page.get_by_role("img", name="Loss curve")
    expect(curve).to_be_visible()
    assert curve.evaluate("image => image.complete && image.naturalWidth") > 500
    page.screenshot(path=pictures / "artifact.png")

    page.goto(f"{site.url}/v2/deployments?limit=25")
    page.get_by_text("on-corpus-change").wait_for()
    page.screenshot(path=pictures / "deployments.png")


def requests_to_the_trap(site: Site, page: Page, key: str, *, older: bool) -> int:
    """How often a browser that opens an artifact asks for what is in its texts."""
    (artifact,) = site.filter("artifacts", artifacts={"key": {"any_": [key]}})
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    place = "artifacts/artifact" if older else "v2/artifacts/artifact"
    page.goto(f"{site.url}/{place}/{artifact['id']}")
    page.get_by_text("picture").or_(page.get_by_alt_text("picture")).first.wait_for()
    page.wait_for_timeout(3000)  # until what would be fetched was asked for
    return sum(trap in url for url in requests)


@pytest.mark.parametrize("older", [True, False], ids=["older UI", "default UI"])
def test_an_artifact_fetches_nothing(site: Site, page: Page, *, older: bool) -> None:
    """Texts, names of files and records in it are shown, not rendered; as Markdown they would be."""
    model = "older" if older else "default"

    @prefect.flow
    def show() -> None:
        create_markdown_artifact(picture, key=f"rendered-{model}")
        files = {"page": hostile_result(model).report_url or "", "report": "".join(rendered)}
        show_samples("data/store", f"hostile-{model}", hostile_samples(), files)
        show_page("data/store", hostile_result(f"hostile-{model}"), b"", hostile_samples())

    with temporary_settings({PREFECT_API_URL: f"{site.url}/api"}):
        show()

    assert 0 == requests_to_the_trap(site, page, f"samples-hostile-{model}", older=older)
    assert 0 == requests_to_the_trap(site, page, f"retrain-hostile-{model}", older=older)
    assert 0 < requests_to_the_trap(site, page, f"rendered-{model}", older=older)


def worker_has_reported(site: Site, run_id: str) -> bool:
    """Whether the worker has made its last report of a killed process: it reports crashes twice.

    A retry between the two reports, some seconds apart, would be marked crashed by the second.
    """
    logs = site.filter("logs", logs={"flow_run_id": {"any_": [run_id]}})
    return any(log["message"].startswith("Check whether the flow run exceeded") for log in logs)


def test_retry_continues_from_the_last_checkpoint(site: Site, page: Page, tmp_path: Path) -> None:
    """A run whose process was killed, retried in the UI, trains only what was left."""
    training = {"hidden_size": 8, "epochs": 400, "checkpoint_every": 200_000}
    kept = {"latest": 1000}  # so that no checkpoint is removed
    run_id = site.run(
        "retrain/manual", model="retried", store=str(tmp_path), training=training, retention=kept
    )
    lock = tmp_path / "models/retried/lock"
    eventually(lambda: len(list(tmp_path.rglob("*.safetensors"))) > 1, within=90)
    os.kill(int(lock.read_text().removeprefix("process ")), signal.SIGKILL)
    eventually(lambda: worker_has_reported(site, run_id), within=60)
    assert "CRASHED" == site.flow_run(run_id)["state_type"]
    # One more may have been put before its record: it is put again.
    committed = {record.digest for record in checkpoints(tmp_path, "retried")}
    payloads = [path for path in tmp_path.rglob("*.safetensors") if path.stem in committed]
    before = {path: path.stat().st_mtime_ns for path in payloads}

    page.goto(f"{site.url}/v2/runs/flow-run/{run_id}")
    page.get_by_role("button", name="Open menu").first.click()
    page.get_by_role("menuitem", name="Retry").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Retry", exact=True).click()
    eventually(lambda: site.flow_run(run_id)["state_type"] == "COMPLETED", within=120)

    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert before.items() < after.items()
    numbers = [record.iteration for record in checkpoints(tmp_path, "retried")]
    assert set(range(0, numbers[-1], 200_000)) < set(numbers)
