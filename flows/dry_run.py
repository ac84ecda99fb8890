"""The dry run: what a flow would do, found out with the functions that its tasks call.

Each step takes the request and returns lines, by label; a flow names its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from flows.answers import answer
from flows.corpus.changes import compare
from flows.dry_run_request import Request
from flows.lifecycle.checking import check_against_champion
from flows.lifecycle.estimates import Estimate, estimate, estimate_report
from flows.lifecycle.gates import refuse_failed
from flows.lifecycle.limits import limits_of
from flows.lifecycle.machine import cpu_model, library_versions
from flows.lifecycle.retention_plan import plan_retention
from flows.lifecycle.tidying import plan_tidying
from flows.parameters import SamplingOptions
from flows.reporting.samples.grid import Grid
from flows.reporting.samples.identity import week_of
from flows.results import FlowResult, watch_result
from flows.runtime.server import server_url
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.storage.runs import check_model
from flows.storage.stores import check_store
from flows.storage.versions import Finding
from rnncore import RoundOptions

Lines = dict[str, str]


class Plan(FlowResult):
    """What would be done, line by line."""

    steps: Lines

    def table(self) -> dict[str, str]:
        return self.steps


Step = Callable[[Request], Lines]


def make_plan(parameters: Mapping[str, Any], steps: Sequence[Step]) -> Plan:
    """What a flow with `parameters` would do; what it would refuse is refused here too."""
    lines: Lines = {}
    with closing(Request(parameters)) as request:
        for step in (surroundings, *steps):
            lines |= step(request)
    return Plan(steps=lines)


def surroundings(request: Request) -> Lines:
    """Versions, server and store."""
    store = request.store
    versions = ", ".join(f"{name} {found}" for name, found in library_versions().items())
    state = "does not exist yet, will be made"
    if not store.is_new():
        check_store(store, single_writer=request.parameters.get("single_writer", False))
        state = "writable, and honours create-if-absent"
    return {
        "versions": versions,
        "processor": cpu_model(),
        "Prefect server": server_url() or "none set: an embedded one, started for the run",
        "store": f"{store.url}: {state}",
    }


def corpus(request: Request) -> Lines:
    """The corpus, and whether its dataset is in the store."""
    text = request.text
    exists = datasets.exists(request.store, text.dataset_id)
    return {
        "corpus": f"{text.characters:,} characters, {len(text.vocabulary)} distinct,"
        f" in {len(text.files)} files",
        "dataset": f"{text.dataset_id}: {'in the store already' if exists else 'to be written'}",
    }


def changes(request: Request) -> Lines:
    """Whether the corpus has changed since the last check."""
    found = watch_result(compare(request.store, request.asked, request["model"]))
    return {"corpus": f"{found.files:,} files, {found.finding}", "source": found.source_id}


def training(request: Request) -> Lines:
    """How far the run is, and how much is left to train."""
    wanted, text = request.training, request.text
    work, held_out = request.work, wanted.divide(text).held_out.characters
    newest = CheckpointLog(request.store, wanted.model, work.run.run_id).newest()
    iteration = newest.record.iteration if newest else 0
    goal = work.schedule.goal
    left = "nothing left to train"
    if work.answer:
        left = f"done, and removed since; version {work.answer.number} answers"
    elif iteration < goal:
        left = f"{goal - iteration:,} iterations to train"
    every = work.schedule.checkpoint_every
    cut = work.run.rounds
    return {
        "held out": f"{held_out:,} characters",
        "run": f"{work.run.run_id} of model {wanted.model}: at iteration {iteration:,},"
        f" {goal:,} asked for, {left}",
        "start": work.starts_from,
        **(_rounds(cut, wanted.divide(text).training.characters) if cut else {}),
        "checkpoints": f"{work.schedule.checkpoints(iteration) if iteration < goal else 0:,}"
        f" to write, one at least every {every:,} iterations",
    }


def _rounds(options: RoundOptions, characters: int) -> Lines:
    """How the training text is cut into shards and rounds."""
    momentum, learning_rate = options.outer
    return {
        "rounds": f"of {options.iterations:,} iterations, {options.shards:,} shards of"
        f" {characters // options.shards:,} characters; outer momentum {momentum:g},"
        f" learning rate {learning_rate:g}"
    }


def gates(request: Request) -> Lines:
    """What the gates find in the text; one that fails is refused here too."""
    if request.work.is_done:
        return {"gates": "not asked, since the work is done"}
    return found_by_gates(request)


def found_by_gates(request: Request) -> Lines:
    """What the gates find, whether or not there is anything to train."""
    most = request.training.evaluation.maximum_characters
    champion = Registry(request.store, request["model"]).champion()
    found: tuple[Finding, ...] = ()
    if champion:  # only then is the text encoded, into a temporary file
        dataset = request.corpus.dataset(request.text)
        found = check_against_champion(
            request.store, request["model"], dataset, request["gates"], most
        )
    refuse_failed(found)
    return {"gates": "; ".join(finding.sentence for finding in found) or "nothing found"}


def decision(request: Request) -> Lines:
    """What the checkpoint would be compared with."""
    champion = Registry(request.store, request["model"]).champion()
    other = "no champion yet"
    if champion:
        other = _champion(champion.number, champion.record.iteration)
    return {"decision": f"by comparison with {other}"}


def report_of_run(request: Request) -> Lines:
    """The report about the run that would be trained."""
    return _report(request["sampling"], "the run's last checkpoint")


def report(request: Request) -> Lines:
    """The report about a checkpoint in the store."""
    selected = request.selected
    source = f"the newest checkpoint of run {selected.run_id}"
    if selected.version == request.parameters.get("version") is not None:
        source = f"version {selected.version} at iteration {selected.record.iteration:,}"
    elif selected.version is not None:
        source = _champion(selected.version, selected.record.iteration)
    return _report(request["sampling"], source)


def score(request: Request) -> Lines:
    """The text that would be scored, with which checkpoint, and what that takes."""
    from flows.lifecycle.scoring import ScoreRequest, open_scoring  # pyarrow takes 40 MB

    asked = ScoreRequest(
        request["model"], request["run_id"], request["version"], request.asked, request["scoring"]
    )
    with open_scoring(request.store, asked, lambda _: None) as opened:
        source = f"run {opened.selected.run_id} at iteration {opened.selected.record.iteration:,}"
        text = f"{opened.characters:,} characters in {len(opened.files):,} files"
        state = "in the store already" if opened.known() else "to be written"
        bound = "none, since nothing is held out"
        if opened.threshold is not None:
            bound = f"{opened.threshold:.3f} nats per character"
        return {
            "text": text,
            "scores": f"{opened.score_id}, from {source}: {state}",
            "threshold": bound,
            **checked(request, opened.estimate()),
        }


def retention(request: Request) -> Lines:
    """What would be removed, and why."""
    check_model(request.store, request["model"])
    plan = plan_retention(request.store, request["model"], request["retention"])
    tidying = plan_tidying(request.store)
    lines = {
        "to remove": f"{plan.checkpoints:,} checkpoints, {plan.size:,} bytes, {plan.runs:,} runs whole;"
        f" {len(tidying.datasets):,} datasets"
    }
    for removal in plan.removals:
        what = "whole, " if removal.whole else ""
        lines[f"run {removal.run_id}"] = (
            f"{what}{len(removal.digests):,} checkpoints, {removal.size:,} bytes: {removal.reason}"
        )
    lines |= {f"dataset {name}": "no run names it" for name in tidying.datasets}
    if obstacles := (*plan.obstacles, *tidying.obstacles):
        lines["kept, since"] = "; ".join(obstacles)
    return lines


def registry(request: Request) -> Lines:
    """What would be answered, or decided."""
    return answer(**request.parameters, dry_run=True).table()


def resources(request: Request) -> Lines:
    """What storing the corpus, training and sampling take, beside the limits."""
    wanted = request.training if "training" in request.parameters else None
    work = request.work if wanted else None
    return checked(request, estimate(request.store, request.text, wanted, work))


def resources_of_report(request: Request) -> Lines:
    """What sampling a checkpoint takes, beside the limits, and in how many pieces it is drawn."""
    from flows.lifecycle.report_pieces import pieces_of  # pyarrow takes 40 MB
    from flows.reporting.samples.writing import Report

    selected, sampling = request.selected, request["sampling"]
    opened = OpenRun(request.store, request["model"], selected.run_id)
    lines = checked(request, estimate_report(opened, selected.record, sampling))
    report = Report(opened, selected.record.digest, sampling, week_of(sampling))
    if len(pieces := pieces_of(report)) > 1:
        files = sum(map(len, pieces))
        lines["parts"] = (
            f"{files:,} files to draw, in {len(pieces):,} pieces on {request['engine']}"
        )
    return lines


def checked(request: Request, found: Estimate) -> Lines:
    """An estimate beside the limits, which it must not exceed."""
    limits = limits_of(request.store)
    limits.check(found)
    return {"estimate": limits.describe(found)}


def _report(sampling: SamplingOptions, source: str) -> Lines:
    grid = Grid.of(sampling)
    return {
        "report": f"{grid.samples:,} samples of {grid.length:,} characters from {source}: {grid}"
    }


def _champion(version: int, iteration: int) -> str:
    return f"the champion, version {version} at iteration {iteration:,}"
