"""Where a run writes checkpoints and is evaluated: from network, text and request, never a clock."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.schedule import (
    Schedule,
    longest_chunk,
    operations_per_second,
    schedule_of,
    shortest_chunk,
)
from flows.parameters import EvaluationOptions, TrainingOptions
from rnncore import estimates


def schedule(per_epoch: int, **training: int) -> Schedule:
    """Of a run from scratch over 66 characters."""
    options = TrainingOptions.model_validate(training)
    request = TrainingRequest(model="m", seed=0, training=options, evaluation=EvaluationOptions())
    return schedule_of(request, request.run_on("0" * 16, 10**6, None), 66, per_epoch)


def seconds(found: Schedule, **training: int) -> float:
    """Nominal time between two checkpoints."""
    network = TrainingOptions.model_validate(training).network()
    operations = estimates.training_operations(66, network)
    return found.checkpoint_every * operations / operations_per_second


def test_evaluations_are_at_epochs_whose_distance_grows_with_them() -> None:
    found = Schedule(per_epoch=10, goal=1000, checkpoint_every=7, evaluate_every=None)
    epochs = [iteration // 10 for iteration in found.evaluations(1000)]
    assert [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96] == epochs
    assert [10, 20, 30] == list(found.evaluations(39))


def test_with_patience_evaluations_have_a_fixed_distance() -> None:
    found = Schedule(per_epoch=10, goal=100, checkpoint_every=7, evaluate_every=3)
    assert [30, 60, 90] == list(found.evaluations(100))


@given(st.integers(1, 50), st.integers(1, 400), st.integers(1, 400), st.integers(0, 500))
@settings(derandomize=True, deadline=None)
def test_as_many_checkpoints_are_planned_as_a_run_writes(
    per_epoch: int, goal: int, every: int, iteration: int
) -> None:
    found = Schedule(per_epoch, goal, every, None)
    iteration = min(iteration, goal)
    written = set(found.evaluations(goal)) | set(range(every, goal + 1, every)) | {goal}
    assert sum(at > iteration for at in written) == found.checkpoints(iteration)


@given(st.integers(0, 400), st.integers(1, 400))
@settings(derandomize=True)
def test_a_chunk_ends_at_a_multiple_or_at_the_goal(iteration: int, every: int) -> None:
    end = Schedule(10, 400, every, None).chunk_end(iteration)
    assert end == 400 or (end % every == 0 and iteration < end <= iteration + every)


def test_a_short_run_has_two_seconds_of_work_between_checkpoints() -> None:
    assert abs(seconds(schedule(per_epoch=600)) - shortest_chunk) < 0.01


def test_a_long_run_has_about_ten_checkpoints() -> None:
    found = schedule(per_epoch=300_000)
    assert found.goal // found.checkpoint_every in {9, 10}


def test_a_very_long_run_has_one_every_half_hour() -> None:
    found = schedule(per_epoch=10**8)
    assert abs(seconds(found) - longest_chunk) < 1


def test_what_is_asked_for_is_done() -> None:
    assert 12_345 == schedule(per_epoch=600, checkpoint_every=12_345).checkpoint_every


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 400), st.integers(1, 90))
@settings(derandomize=True, deadline=None)
def test_with_rounds_all_stops_are_ends_of_rounds(
    per_epoch: int, epochs: int, every: int, length: int
) -> None:
    """The nearest at or after the place without rounds; as many are planned as are written."""
    training = {"epochs": epochs, "checkpoint_every": every, "shards": 2}
    found = schedule(per_epoch, **training, round_iterations=length)
    places = [found.goal, found.checkpoint_every, *found.evaluations(found.goal)]
    assert {0} == {place % length for place in places}
    assert 0 <= found.goal - epochs * per_epoch < length
    assert 0 <= found.checkpoint_every - every < length
    assert len(places) == len(set(places[2:])) + 2

    iteration, written = 0, set(places[2:])
    while iteration < found.goal:
        iteration = found.chunk_end(iteration)
        written.add(iteration)
    assert len(written) == found.checkpoints(0)
