"""Task: check the text before anything is trained on it."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.checking import check_against_champion
from flows.lifecycle.gates import refuse_failed
from flows.parameters import GateOptions
from flows.references import WorkRef
from flows.runtime.decorators import task
from flows.storage import datasets
from flows.storage.stores import open_store
from flows.storage.versions import Finding


@task("check the text for {work.run.model}")
def check_text(work: WorkRef, options: GateOptions, most: int) -> tuple[Finding, ...]:
    """What the gates find, beside the champion's text; a gate that fails ends the run.

    A text on which there is nothing left to do is not checked.
    """
    run = work.run
    if work.is_done:
        return ()
    store = open_store(run.store)
    dataset = datasets.load(store, run.dataset_id)
    findings = check_against_champion(store, run.model, dataset, options, most)
    for finding in findings:
        get_run_logger().warning("%s", finding.sentence)
    refuse_failed(findings)
    return findings
