"""Ends of rounds that are kept between two checkpoints, so that a kill costs little.

Each is named by its iteration and its own SHA-256, so no record is needed to trust it. None is
needed either: what is not there, or corrupt, is trained again and gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from flows.exceptions import DamagedObject, ObjectMissing, StoreError
from flows.storage import bounds
from flows.storage.canonical import digest
from flows.storage.damage import read_again_if_damaged, warn
from flows.storage.names import kept_round_name, round_of_name
from flows.storage.payload import Payload, read_payload, write_payload
from flows.storage.runs import run_folder
from flows.storage.stores import Store


class KeptRounds:
    """The kept ends of rounds of one run."""

    def __init__(
        self, store: Store, model: str, run_id: str, is_of_run: Callable[[Payload], bool]
    ) -> None:
        """`is_of_run` tells whether a payload has the network and the characters of the run."""
        self._store = store
        self._folder = rounds_folder(model, run_id)
        self._is_of_run = is_of_run

    def keep(self, payload: Payload) -> None:
        """Write the end of a round, then remove those before it."""
        data = write_payload(*payload)
        name = kept_round_name(payload.state.iteration, digest(data))
        bounds.check(self._path(name), len(data), bounds.payload)
        self._store.put(self._path(name), data)
        self._remove([other for other in self._names() if other != name])

    def newest(self, after: int, until: int) -> Payload | None:
        """The newest one that is intact, of an iteration above `after` and up to `until`."""
        found = {name: round_of_name(name) for name in self._names()}
        wanted = {name: at for name, at in found.items() if at and after < at.iteration <= until}
        for name in sorted(wanted, key=lambda name: -wanted[name].iteration):
            try:
                return self._read(name)
            except DamagedObject as error:
                warn(error, "going on from an earlier round")
        return None

    def remove(self, until: int) -> list[str]:
        """Remove those up to an iteration, of which there is a checkpoint; their paths."""
        found = {name: round_of_name(name) for name in self._names()}
        return self._remove([name for name, at in found.items() if at and at.iteration <= until])

    def _names(self) -> list[str]:
        return [name for name in self._store.names(self._folder) if round_of_name(name)]

    def _remove(self, names: list[str]) -> list[str]:
        with suppress(StoreError):  # where removing is not permitted, they stay
            for name in names:
                self._store.remove(self._path(name))
        return [self._path(name) for name in names]

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    @read_again_if_damaged
    def _read(self, name: str) -> Payload:
        location, expected = self._store.location(self._path(name)), round_of_name(name)
        try:
            data = self._store.read(self._path(name), bounds.payload)
        except ObjectMissing as error:  # removed since it was listed
            raise DamagedObject(location, "is missing") from error
        if expected is None or digest(data) != expected.digest:
            raise DamagedObject(location, "sha256 mismatch, bytes were altered")
        payload = read_payload(location, data)
        if payload.state.iteration != expected.iteration:
            raise DamagedObject(location, f"holds iteration {payload.state.iteration}")
        if not self._is_of_run(payload):
            raise DamagedObject(location, "its network or its characters are not those of its run")
        return payload


def rounds_folder(model: str, run_id: str) -> str:
    """Folder of the kept ends of rounds of a run."""
    return f"{run_folder(model, run_id)}/rounds"
