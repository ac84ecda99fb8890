"""A sweep: the same runs as by hand, none trained twice, the best judged on text that chose nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows.command_line.entry import run
from flows.command_line.parsing import parse
from flows.dry_run import make_plan
from flows.exceptions import CorpusError, OptionConflict, TrainingStopped
from flows.lifecycle import slices
from flows.lifecycle.evaluation import evaluate
from flows.lifecycle.sweeps.cells import cells_of
from flows.parameters import GateOptions, SweepOptions
from flows.results import RetrainResult
from flows.runtime.decorators import dry_run_steps
from flows.storage.open_run import open_run
from flows.storage.registry import Registry
from flows.storage.stores import cache_of, open_store
from flows.sweep import sweep
from flows.sweep_result import SweepResult
from tests.support.flows import files_below, retrained
from tests.support.texts import some_lines
from tests.support.work import request

Options = Callable[..., dict[str, Any]]
grid = {"training.hidden_size": [4, 8], "seed": [0, 1]}
share = {"held_out": 0.4}


@pytest.fixture
def text() -> str:
    """About 17,000 characters."""
    return "".join(some_lines(300))


@pytest.fixture
def asked(options: Options) -> Options:
    """Parameters of a small sweep, with its options by keyword."""

    def make(varied: dict[str, Any] = grid, **changes: Any) -> dict[str, Any]:
        names = {"random", "rungs", "factor"}
        own = {name: changes.pop(name) for name in names if name in changes}
        return options(evaluation=share, **changes) | {"sweep": SweepOptions(options=varied, **own)}

    return make


def swept(parameters: dict[str, Any]) -> SweepResult:
    """The result of `sweep`."""
    return cast("SweepResult", sweep(**parameters))


def rows_of(result: SweepResult) -> list[dict[str, Any]]:
    """The rows of the file of a sweep."""
    rows: list[dict[str, Any]] = pq.read_table(result.sweep_url).to_pylist()
    return rows


def digests(store: Path) -> dict[str, list[tuple[int, str]]]:
    """Iteration and digest of each checkpoint, by run."""
    runs = open_store(str(store)).names("models/default/runs")
    logs = {run_id: open_run(str(store), "default", run_id).log for run_id in runs}
    found = {
        run_id: [(r.iteration, r.digest) for r in log.records()] for run_id, log in logs.items()
    }
    return {run_id: checkpoints for run_id, checkpoints in found.items() if checkpoints}


def same_apart_from_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what differs from one training to the next."""
    times = ("time", "seconds", "characters_per_second")
    return [{name: value for name, value in row.items() if name not in times} for row in rows]


def test_the_cells_of_a_grid_are_the_same_runs_as_by_hand(
    asked: Options, options: Options, store: Path, tmp_path: Path
) -> None:
    result = swept(asked())

    by_hand: dict[str, RetrainResult] = {}
    expected: dict[str, list[tuple[int, str]]] = {}
    for size, seed in product((4, 8), (0, 1)):
        training, other = (
            {"hidden_size": size, "start_from": "scratch"},
            tmp_path / f"{size}-{seed}",
        )
        chosen = options(evaluation=share, training=training, seed=seed)
        one = retrained(chosen | {"store": str(other)})
        by_hand[one.run_id] = one
        expected |= digests(other)
    assert expected == digests(store)
    rows = rows_of(result)
    assert [(0, 4), (0, 8), (1, 4), (1, 8)] == [
        (row["seed"], row["training.hidden_size"]) for row in rows
    ]
    assert {row["run_id"] for row in rows} == set(by_hand)
    assert sum(one.trained_iterations for one in by_hand.values()) == result.trained_iterations
    for row in rows:
        other = tmp_path / f"{row['training.hidden_size']}-{row['seed']}"
        opened = open_run(str(other), "default", row["run_id"])
        measured = evaluate(opened, row["checkpoint_digest"], 10**6, "even")
        assert measured.held_out_bits_per_character == row["bits_per_character_even"]
        assert json.loads(row["options"])["hidden_size"] == row["training.hidden_size"]


def test_the_best_by_the_even_blocks_is_judged_on_the_odd_ones(asked: Options, store: Path) -> None:
    result = swept(asked())

    best = min(rows_of(result), key=lambda row: row["bits_per_character_even"])
    assert ("chosen", result.run_id) == (best["state"], best["run_id"])
    opened = open_run(str(store), "default", result.run_id)
    odd = evaluate(opened, result.checkpoint_digest, 10**6, "odd").held_out_bits_per_character
    assert odd == result.bits_per_character_odd == best["bits_per_character_odd"]
    version = Registry(opened.store, "default").entry(0).version
    assert (odd, "blocks-odd", 4) == (
        version.bits_per_character,
        version.rule,
        version.best_of,
    )
    assert ("promoted", "promoted") == (version.decision, result.outcome)
    assert Path(result.report_url).exists()
    assert result.page_url
    assert Path(result.page_url).exists()


def block(step: int, parity: int, rng: np.random.Generator) -> str:
    """A line of a block's length, whose letters mostly go on in the alphabet by so many.

    Where its digest holds it out, the digest has that parity.
    """
    while True:
        steps = np.where(rng.random(1100) < 0.8, step, rng.integers(0, 8, 1100))
        text = "".join("abcdefgh"[place] for place in np.cumsum(steps) % 8) + "\n"
        first = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        if first >= share["held_out"] * 2**64 or first % 2 == parity:
            return text


def test_the_halves_of_the_text_may_disagree(asked: Options, corpus: Path, store: Path) -> None:
    """Two languages one after the other: what was trained as given has forgotten the first.

    All held-out blocks of the first have an even digest, all those of the second an odd one.
    """
    rng = np.random.default_rng(0)
    first, second = (
        [block(step, parity, rng) for _ in range(30)] for step, parity in ((1, 0), (-1, 1))
    )
    corpus.write_text("".join([*first, *second]))

    result = swept(
        asked(
            {"training.order": ["as_given", "interleaved"]},
            training={"hidden_size": 2, "epochs": 4, "learning_rate": 0.05},
        )
    )

    assert "interleaved" == result.options["training.order"]
    odd = {
        row["training.order"]: evaluate(
            open_run(str(store), "default", row["run_id"]), row["checkpoint_digest"], 10**6, "odd"
        ).held_out_bits_per_character
        for row in rows_of(result)
    }
    assert odd["interleaved"] == result.bits_per_character_odd
    assert cast("float", odd["as_given"]) < cast("float", odd["interleaved"])


def test_halving_trains_the_best_on_and_nothing_twice(asked: Options, store: Path) -> None:
    result = swept(asked(rungs=[1, 2, 4], factor=2))

    rows = rows_of(result)
    per_epoch = min(row["iterations"] for row in rows)
    assert (4 * 1 + 2 * 1 + 1 * 2) * per_epoch == result.trained_iterations
    assert {1: 4, 2: 2, 3: 1} == {
        rung: sum(row["rung"] == rung for row in rows) for rung in (1, 2, 3)
    }
    entered = {row["run_id"]: row["bits_per_character_even"] for row in rows if row["rung"] == 1}
    for rung in (2, 3):
        best = sorted(entered, key=entered.__getitem__)[: len(entered) // 2]
        now = [row for row in rows if row["rung"] == rung]
        entered = {row["run_id"]: row["bits_per_character_even"] for row in now}
        assert set(best) == set(entered)
        before = [row for row in rows if row["rung"] == rung - 1]
        assert {"went_on"} == {row["state"] for row in before if row["run_id"] in entered}
        assert {"stopped"} == {row["state"] for row in before if row["run_id"] not in entered}
    ends = {run_id: found[-1][0] for run_id, found in digests(store).items()}
    assert ends == {row["run_id"]: row["iterations"] for row in rows}


def test_a_run_that_was_halved_has_the_bytes_of_one_that_was_not(
    asked: Options, options: Options, tmp_path: Path
) -> None:
    halved = swept(asked({"seed": [0, 1]}, rungs=[1, 3], factor=2))
    (last,) = [row for row in rows_of(halved) if row["rung"] == 2]

    training = {"epochs": 3, "start_from": "scratch"}
    alone = retrained(
        options(evaluation=share, training=training, seed=last["seed"])
        | {"store": str(tmp_path / "other")}
    )

    assert (last["iterations"], last["checkpoint_digest"]) == digests(tmp_path / "other")[
        alone.run_id
    ][-1]


def test_cells_with_shards_are_the_runs_of_rounds_that_they_are_by_hand(
    asked: Options, options: Options, store: Path, tmp_path: Path
) -> None:
    """Rungs end at ends of rounds."""
    rounds = {"shards": 2, "round_iterations": 100}
    result = swept(asked({"training.shards": [2, 3]}, training=rounds, rungs=[1, 2], factor=2))

    last = rows_of(result)[-1]
    training = rounds | {"start_from": "scratch", "shards": last["training.shards"]}
    by_hand = retrained(
        options(evaluation=share, training=training) | {"store": str(tmp_path / "other")}
    )
    assert all(row["iterations"] % 100 == 0 for row in rows_of(result))
    assert digests(tmp_path / "other")[by_hand.run_id][-1] in digests(store)[last["run_id"]]


def test_the_number_of_threads_changes_no_byte(asked: Options, store: Path, tmp_path: Path) -> None:
    chosen = asked(rungs=2, factor=2)
    one = swept(chosen | {"engine": "threads:1"})
    four = swept(chosen | {"engine": "threads:4", "store": str(tmp_path / "four")})

    assert same_apart_from_times(rows_of(one)) == same_apart_from_times(rows_of(four))
    assert digests(store) == digests(tmp_path / "four")
    assert (one.sweep_id, one.checkpoint_digest) == (four.sweep_id, four.checkpoint_digest)


def test_the_same_sweep_again_trains_nothing_and_writes_nothing(
    asked: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though retention has removed checkpoints of lower rungs since."""
    monkeypatch.setattr("flows.corpus.fingerprint.fresh_seconds", 0)
    first = swept(asked(rungs=[1, 2, 4], factor=2, retention={"latest": 1, "best": 0}))
    before = {path: path.read_bytes() for path in files_below(store)}

    again = swept(asked(rungs=[1, 2, 4], factor=2, retention={"latest": 1, "best": 0}))

    assert ("unchanged", 0) == (again.outcome, again.trained_iterations)
    assert before == {path: path.read_bytes() for path in files_below(store)}
    assert (first.version, first.sweep_url) == (again.version, again.sweep_url)


def test_more_cells_train_only_those_that_are_new(asked: Options) -> None:
    swept(asked())
    more = swept(asked({**grid, "seed": [0, 1, 2]}))
    rows = rows_of(more)
    assert 6 == len(rows)
    assert sum(row["iterations"] for row in rows if row["seed"] == 2) == more.trained_iterations


def test_a_run_that_went_further_is_compared_where_the_rung_ends(
    asked: Options, options: Options, tmp_path: Path
) -> None:
    """As if it had stopped there, though its checkpoint of then is gone."""
    training = {"hidden_size": 4, "start_from": "scratch", "epochs": 5}
    retrained(options(evaluation=share, training=training, retention={"latest": 1, "best": 0}))

    after = swept(asked(rungs=[1, 2], factor=2))
    fresh = swept(asked(rungs=[1, 2], factor=2) | {"store": str(tmp_path / "fresh")})

    bits = [[row["bits_per_character_even"] for row in rows_of(one)] for one in (after, fresh)]
    assert bits[0] == bits[1]


def test_cells_that_ask_for_the_same_run_share_it(asked: Options) -> None:
    """The decay of sums that are not there changes nothing from scratch."""
    result = swept(asked({"training.adagrad_decay": [0.1, 0.5], "seed": [0, 1]}))
    rows = rows_of(result)

    assert (4, 2) == (result.cells, result.runs)
    assert 2 * rows[0]["iterations"] == result.trained_iterations
    assert rows[0]["run_id"] == rows[1]["run_id"] != rows[2]["run_id"]
    assert [0.1, 0.5, 0.1, 0.5] == [row["training.adagrad_decay"] for row in rows]


def test_a_cell_that_diverges_drops_out_with_its_reason(asked: Options) -> None:
    result = swept(asked({"training.learning_rate": [1e30, 0.01], "seed": [0]}))
    failed, chosen = rows_of(result)

    assert (1, "failed", "chosen") == (result.failed, failed["state"], chosen["state"])
    assert "with learning_rate 1e+30: train again with a smaller" in failed["error"]
    assert failed["bits_per_character_even"] is None
    assert "promoted" == result.decision


def test_a_sweep_whose_cells_all_fail_says_why(asked: Options, store: Path) -> None:
    with pytest.raises(TrainingStopped, match=r"all 2 runs of the sweep failed, cell 1: .*1e\+30"):
        sweep(**asked({"training.learning_rate": [1e30, 1e31]}))
    assert [] == open_store(str(store)).names("models/default/versions")


def test_a_sweep_that_was_stopped_goes_on(
    asked: Options, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of a chunk, at an iteration where no checkpoint is planned."""
    original, calls = slices.train_until, []

    def stop_second(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            stop: Event = given[4]
            stop.set()
        return original(*given, **named)

    monkeypatch.setattr("flows.lifecycle.chunk.train_until", stop_second)
    stopped: Any = sweep(**asked(rungs=2, factor=2) | {"engine": "threads:1"}, return_state=True)
    assert stopped.is_cancelled()
    monkeypatch.undo()
    begun = sum(found[-1][0] for found in digests(store).values())
    cache_of.cache_clear()

    after = swept(asked(rungs=2, factor=2))
    whole = swept(asked(rungs=2, factor=2) | {"store": str(tmp_path / "whole")})

    assert 0 < begun
    assert whole.trained_iterations == begun + after.trained_iterations
    assert same_apart_from_times(rows_of(whole)) == same_apart_from_times(rows_of(after))
    last = {run_id: found[-1] for run_id, found in digests(store).items()}
    assert last == {run_id: found[-1] for run_id, found in digests(tmp_path / "whole").items()}


def test_the_best_is_judged_against_the_champion(asked: Options, options: Options) -> None:
    """A sweep whose best is no better leaves it."""
    champion = retrained(options(evaluation=share, training={"hidden_size": 16, "epochs": 8}))
    result = swept(asked())

    assert ("rejected", "rejected", champion.version) == (
        result.outcome,
        result.decision,
        result.champion,
    )


def test_cells_may_start_from_the_champion(asked: Options, options: Options, store: Path) -> None:
    champion = retrained(options(evaluation=share))
    result = swept(
        asked(
            {"training.learning_rate": [0.005, 0.02]},
            training={"start_from": "champion", "epochs_warm": 2},
        )
    )
    again = swept(
        asked(
            {"training.learning_rate": [0.005, 0.02]},
            training={"start_from": "champion", "epochs_warm": 2},
        )
    )

    parents = {open_run(str(store), "default", row["run_id"]).run.parent for row in rows_of(result)}
    assert {champion.checkpoint_digest} == parents
    assert 0 == again.trained_iterations


def test_a_gate_that_fails_ends_it_before_anything_is_trained(
    asked: Options, options: Options, corpus: Path, text: str
) -> None:
    retrained(options(evaluation=share))
    corpus.write_text(text[: len(text) // 2])
    with pytest.raises(Exception, match="size"):
        sweep(**asked(gates=GateOptions().model_dump()))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--hidden_size", "8,8"], "hidden_size has the value 8 twice"),
        (["--hidden_size", "8,0"], "training.hidden_size: input should be greater"),
        (["--hidden_size", "8,,16"], "found ''"),
        (["--hidden_size", "[]"], "has no values"),
        (["--seed", "0"], "at least one option"),
        (["--epochs", "1,2"], "sweep.rungs"),
        (["--held_out", "0.1,0.2"], "measured on one text"),
        (["--model", "a,b"], "of the sweep"),
        (["--sweep.options", '{"training.nothing": [1]}'], "'training.nothing'"),
        (["--seed", "0,1", "--sweep.random", "0"], "sweep.random"),
        (["--seed", "0,1", "--rungs", "0"], "sweep.rungs"),
        (["--seed", "0,1", "--factor", "1"], "sweep.factor"),
        (["--seed", "0,1", "--engine", "threads:0"], "engine"),
        (["--seed", "0,1", "--engine", "cuda"], "engine"),
        (["--hidden_size"], "hidden_size"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_before_anything_runs(
    arguments: list[str], named: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == run(sweep, [*arguments, "--store", str(store), "--dry_run"])
    said = capsys.readouterr().err
    assert named in said
    assert 1 == said.count("\n")
    assert not store.exists()


def test_options_take_lists_on_the_command_line() -> None:
    command: Any = parse(
        sweep,
        ["--training.hidden_size=64,128", "--seed", "0", "--seed", "1", "--epochs", "4",
         "--start_from", '["scratch", 3]', "--rungs", "2,4", "--training.dtype", "float64"],
    )  # fmt: skip

    listed = {
        "training.hidden_size": [64, 128],
        "seed": [0, 1],
        "training.start_from": ["scratch", 3],
    }
    assert listed == command.sweep.options
    assert (4, "float64", 0) == (command.training.epochs, command.training.dtype, command.seed)
    assert (2, 4) == command.sweep.rungs


def test_a_range_is_a_list_on_the_command_line() -> None:
    command: Any = parse(sweep, ["--learning_rate", "1e-3..0.1", "--random", "2"])
    assert {"training.learning_rate": ["1e-3..0.1"]} == command.sweep.options
    assert 2 == len(cells_of(request(), command.sweep))


def test_lists_stay_what_they_are_for_other_options() -> None:
    command: Any = parse(
        sweep,
        ["--temperatures", "0.5,1", "--corpus", "a,b", "--seed", "3", "--seed=4,5", "--rungs", "3"],
    )
    assert ((0.5, 1.0), ["a", "b"]) == (command.sampling.temperatures, command.corpus)
    assert ({"seed": [3, 4, 5]}, 3) == (command.sweep.options, command.sweep.rungs)


def test_a_dry_run_says_what_is_left(asked: Options, store: Path) -> None:
    chosen = asked(rungs=2, factor=2)
    whole = {name: getattr(parse(sweep, []), name) for name in sweep.parameters.properties}

    before = make_plan(whole | chosen, dry_run_steps["sweep"]).steps
    assert not store.exists()
    assert "4, of 4 runs: cell 1 (seed 0, training.hidden_size 4); " in before["cells"]
    assert "0 cells are done" in before["left"]
    swept(chosen)
    after = make_plan(whole | chosen, dry_run_steps["sweep"]).steps
    assert "2 cells are done" in after["left"]


def test_a_sweep_is_checked_before_the_corpus_is_read(asked: Options, store: Path) -> None:
    with pytest.raises(OptionConflict):
        sweep(**asked({"seed": [-1]}))
    with pytest.raises(CorpusError, match="cell 2"):
        sweep(**asked({"training.seq_length": [10, 10_000]}))
    assert not open_store(str(store)).names("models/default/runs")
