"""A run's name depends on everything that decides its bytes, and on nothing else."""

from __future__ import annotations

import pytest

from flows.exceptions import DamagedObject, NewerFormat, StoreError, UnknownObject
from flows.storage.canonical import canonical_json, identity, strict_json
from flows.storage.runs import Run, load_run, run_folder, save_run
from flows.storage.stores import Store
from tests.support.runs import network, run
from tests.support.stores import StoreWrapper, overwrite

path = f"{run_folder('default', run.run_id)}/run.json"


def test_a_run_is_read_back_unchanged(store: Store) -> None:
    """With the same name and the same network; saving it twice is harmless."""
    save_run(store, "default", run)
    save_run(store, "default", run)

    assert run == load_run(store, "default", run.run_id)
    assert network == load_run(store, "default", run.run_id).network()


def test_the_name_depends_on_everything_that_changes_bytes() -> None:
    """A change of any field or hyperparameter gives another name."""
    fields = {"dataset_id": "1" * 16, "held_out": 0.2, "split": "tail", "seed": 1, "parent": "0"}
    later: dict[str, object] = {
        "adagrad_decay": 0.1,
        "order": "interleaved",
        "patience": 3,
        "evaluate_every": 2,
    }
    rounds: dict[str, float] = {
        "shards": 2,
        "round_iterations": 10,
        "outer_momentum": 0.9,
        "outer_learning_rate": 0.3,
    }
    shape = {
        "hidden_size": 9,
        "seq_length": 11,
        "batch_size": 2,
        "learning_rate": 0.02,
        "gradient_clip": 4.0,
        "weight_scale": 0.2,
        "dtype": "float64",
    }
    changes: list[dict[str, object]] = [{name: value} for name, value in (fields | later).items()]
    halves = {name: value / 2 if value < 1 else int(2 * value) for name, value in rounds.items()}
    changes.append({**rounds})
    changes += [{**rounds, name: value} for name, value in halves.items()]
    changes += [
        {"hyperparameters": run.hyperparameters | {name: value}} for name, value in shape.items()
    ]
    names = {Run.model_validate(run.model_dump() | change).run_id for change in changes}

    assert len(changes) == len(names - {run.run_id})
    assert set(run.hyperparameters) == set(shape)
    assert set(Run.model_fields) == {"format", "hyperparameters", *fields, *later, *rounds}
    assert not {*later, *rounds} & set(run.model_dump())  # left out where they say nothing


def test_the_fields_of_rounds_are_all_given_or_none() -> None:
    with pytest.raises(ValueError, match="all given or none of them"):
        Run.model_validate(run.model_dump() | {"shards": 2, "round_iterations": 10})


def test_the_name_does_not_depend_on_the_length_of_a_run() -> None:
    """More epochs continue a run; the interval of checkpoints changes none of them."""
    fields = set(Run.model_fields) | set(run.hyperparameters)

    assert not fields & {"epochs", "checkpoint_every", "sampling", "model", "corpus"}


def test_the_name_is_stable() -> None:
    """With a new name, an old run would be trained again from the start."""
    assert "bab4183a9ebe568b" == run.run_id


def test_an_unknown_run_is_an_error(store: Store) -> None:
    """The message names the model and the store."""
    with pytest.raises(UnknownObject, match=f"model default has no run {run.run_id} in .*store"):
        load_run(store, "default", run.run_id)


def test_an_altered_description_is_refused(store: Store) -> None:
    """Its content must give its name, whichever field was changed."""
    save_run(store, "default", run)
    content = strict_json(store.read(path))
    for change in ({"seed": 1}, {"held_out": 0.5}, {"parent": "x"}):
        overwrite(store, path, canonical_json(content | change))

        with pytest.raises(
            DamagedObject, match=r"run\.json: its content gives the name \w+, bytes were altered"
        ):
            load_run(store, "default", run.run_id)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"<html>", b'{"format": "x"}', b'{"format": 0}', b"\xff"],
    ids=repr,
)
def test_a_file_that_is_not_a_description_is_refused(store: Store, data: bytes) -> None:
    """Any file may be there; it is reported."""
    store.put(path, data)

    with pytest.raises(DamagedObject, match=r"run\.json: not a run's description"):
        load_run(store, "default", run.run_id)


def test_saving_over_a_corrupt_description_is_refused(store: Store) -> None:
    """It is not trusted to describe the same run."""
    store.put(path, b"half a descr")

    with pytest.raises(DamagedObject, match=r"run\.json: not a run's description"):
        save_run(store, "default", run)


def test_a_newer_format_is_an_error(store: Store) -> None:
    """This program cannot know what it means."""
    store.put(path, canonical_json({"format": 2}))

    with pytest.raises(NewerFormat, match=r"format 2 is newer than this program \(1\)"):
        load_run(store, "default", run.run_id)


@pytest.mark.parametrize("written", [True, False])
def test_a_lost_reply_is_distinguished_from_a_failed_write(store: Store, written: bool) -> None:
    """What is in the store decides."""

    class FaultyStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if written:
                super().create(path, data, private=private)
            raise StoreError("timed out")

    if written:
        save_run(FaultyStore(store), "default", run)
    else:
        with pytest.raises(StoreError, match="timed out"):
            save_run(FaultyStore(store), "default", run)

    assert written == ("run.json" in store.names(run_folder("default", run.run_id)))


@pytest.mark.parametrize(
    "change",
    [{"depth": 2}, {"learning_rate": 10**400}, {"learning_rate": True}, {"hidden_size": "8"}],
    ids=["unknown option", "400 digits", "true", "text"],
)
def test_options_that_no_program_writes_are_refused(
    store: Store, change: dict[str, object]
) -> None:
    """Even under the name that they give the run."""
    save_run(store, "default", run)
    content = strict_json(store.read(path))
    content["hyperparameters"] |= change
    run_id = identity(content)
    store.put(f"{run_folder('default', run_id)}/run.json", canonical_json(content))

    with pytest.raises(DamagedObject, match=r"run\.json: not a run's description"):
        load_run(store, "default", run_id)
