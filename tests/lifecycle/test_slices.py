"""Training in slices between two checkpoints."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from flows.lifecycle import slices
from flows.lifecycle.slices import train_until
from rnncore import Hyperparameters, TrainingDiverged, TrainingState, train

tokens = np.random.default_rng(0).integers(0, 12, 3000).astype(np.uint8)
network = Hyperparameters(hidden_size=8)


def new_state() -> TrainingState:
    """A network over twelve characters."""
    return TrainingState.initial(12, network, seed=0)


def test_training_in_slices_equals_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many slices there are, the state is that of one call."""
    monkeypatch.setattr(slices, "slice_seconds", 1e-4)
    sliced, whole = new_state(), new_state()
    seen: list[int] = []

    train_until(sliced, tokens, 1234, lambda state, _: seen.append(state.iteration), Event())
    train(whole, tokens, 1234)

    assert len(seen) > 3
    assert seen[-1] == 1234 == sliced.iteration
    assert whole.smooth_loss == sliced.smooth_loss
    for expected, actual in zip(whole.parameters, sliced.parameters, strict=True):
        assert expected.tobytes() == actual.tobytes()


def test_loss_is_the_mean_per_character() -> None:
    """In nats per character, over all iterations of the call."""
    trained = train_until(new_state(), tokens, 321, lambda *_: None, Event())

    losses = train(new_state(), tokens, 321)
    assert losses.sum() / 3210 == pytest.approx(trained.loss, rel=1e-12)
    assert trained.characters_per_second is not None


def test_weights_that_are_not_finite_are_divergence() -> None:
    """Training never ends with a weight that is NaN, even if its losses were finite."""
    state = new_state()
    state.parameters.Wxh[:, 11] = np.nan
    unseen = tokens % 11

    with pytest.raises(TrainingDiverged, match=r"learning_rate 0\.01"):
        train_until(state, unseen.astype(np.uint8), 5, lambda *_: None, Event())


def test_stop_takes_effect_after_the_current_slice() -> None:
    """A request to stop ends training after a slice, with a state from which it can continue."""
    state, stop = new_state(), Event()

    train_until(state, tokens, 10**9, lambda *_: stop.set(), stop)

    assert state.iteration == 1
    train_until(state, tokens, 500, lambda *_: None, Event())
    whole = new_state()
    train(whole, tokens, 500)
    assert whole.parameters.Whh.tobytes() == state.parameters.Whh.tobytes()


def test_one_iteration_is_too_short_to_measure_speed() -> None:
    """The first call may include compilation, so its time means nothing."""
    assert (
        train_until(new_state(), tokens, 1, lambda *_: None, Event()).characters_per_second is None
    )
