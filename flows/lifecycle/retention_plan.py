"""What retention removes of a model: the plan, which a dry run shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from flows.exceptions import DamagedObject, NewerFormat, UnknownObject
from flows.lifecycle.evaluation import comparable_bits
from flows.lifecycle.policies import Candidate, Policy, any_of, best, every_n, latest, named
from flows.parameters import RetentionOptions
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.clock import last_write, store_time
from flows.storage.log import Listing, Log
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.storage.retirement import removal, removed, restoration, retirement
from flows.storage.runs import load_run, run_folder, runs_of
from flows.storage.stores import Store
from flows.storage.versions import Entry, History

abandoned_seconds = 30 * 24 * 3600.0  # without a write, after which an undecided run is removed


class Removal(BaseModel):
    """What is removed of a run: some checkpoints, or the whole run; and why."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    whole: bool
    digests: tuple[str, ...]  # of the payloads that are there
    size: int  # bytes of these
    reason: str
    head: int  # number of the run's newest record


class RetentionPlan(BaseModel):
    """What is removed of a model, and what stands in the way of more."""

    model_config = ConfigDict(frozen=True)

    model: str
    head: int  # number of the model's newest decision
    removals: tuple[Removal, ...] = ()
    restored: tuple[str, ...] = ()  # runs whose removal was begun, and that are kept now
    obstacles: tuple[str, ...] = ()

    @property
    def checkpoints(self) -> int:
        """How many are removed."""
        return sum(len(found.digests) for found in self.removals)

    @property
    def runs(self) -> int:
        """How many are removed whole."""
        return sum(found.whole for found in self.removals)

    @property
    def size(self) -> int:
        """Bytes of all checkpoints that are removed."""
        return sum(found.size for found in self.removals)


def plan_retention(store: Store, model: str, options: RetentionOptions) -> RetentionPlan:
    """What is to be removed of a model now; nothing is written but a probe of the store's clock."""
    registry = Registry(store, model)
    listing = registry.listing()
    plan, history = RetentionPlan(model=model, head=listing.head), History.of(listing)
    kept = history.kept(options.versions)
    oldest = (
        min((entry.number for entry in kept), default=0) if len(kept) >= options.versions else 0
    )
    if unread := set(range(oldest, listing.head + 1)) - {entry.number for entry in history.entries}:
        where = registry.location(max(unread))
        obstacle = f"{where} cannot be read, so nothing of model {model} is removed: restore it"
        return plan.model_copy(update={"obstacles": (obstacle,)})
    runs = runs_of(store, model)
    if not runs:
        return plan
    look = _Look(store, model, options, history, kept, store_time(store))
    found = [look.at(run_id) for run_id in runs]
    restored = tuple(run_id for run_id in runs if look.is_restored(run_id))
    obstacles = [obstacle for obstacle in found if isinstance(obstacle, str)]
    removals = [one for one in found if isinstance(one, Removal)]
    if any(one.whole for one in removals) and (damage := look.damage_of_champion()):
        obstacles.append(damage)
        removals = [one for one in removals if not one.whole]
    found_now = {"removals": tuple(removals), "restored": restored, "obstacles": tuple(obstacles)}
    return plan.model_copy(update=found_now)


@dataclass(frozen=True)
class _Look:
    """A model as it is while a plan is made."""

    store: Store
    model: str
    options: RetentionOptions
    history: History
    kept: Sequence[Entry]  # versions
    now: float  # by the store's clock

    def at(self, run_id: str) -> Removal | str | None:
        """What to remove of a run, None for nothing, or what stands in the way."""
        try:
            listing = self._log(run_id).list_records()
            if self.is_restored(run_id):
                return None
            if why := self._why_whole(run_id, listing):
                return self._whole(run_id, listing, why)
            return self._some(run_id, listing)
        except (DamagedObject, NewerFormat, UnknownObject) as error:
            return f"nothing of run {run_id} is removed: {error}"

    def is_restored(self, run_id: str) -> bool:
        """Whether the removal of a run was begun, though one of its versions is kept now."""
        if run_id not in self.kept_digests:
            return False
        with suppress(NewerFormat):  # it is left alone
            return CheckpointLog(self.store, self.model, run_id).is_being_removed()
        return False

    def damage_of_champion(self) -> str | None:
        """Why no run is removed: the champion, which makes them dispensable, cannot be read."""
        number = next(self.history.champions(), None)
        entry = None if number is None else self.history.get(number)
        try:
            if entry:
                Registry(self.store, self.model).checkpoint(entry)
        except (DamagedObject, UnknownObject) as error:
            return f"no run of model {self.model} is removed whole, since its champion is lost: {error}"
        return None

    @cached_property
    def kept_digests(self) -> Mapping[str, set[str]]:
        """Checkpoints of the versions that are kept, by run."""
        found: dict[str, set[str]] = {}
        for entry in self.kept:
            found.setdefault(entry.version.run_id, set()).add(entry.version.digest)
        return found

    @cached_property
    def decided(self) -> Mapping[str, Entry]:
        """The newest decision on each run, the newest of all first."""
        found: dict[str, Entry] = {}
        for entry in self.history.entries:
            if entry.version.decision != "rolled_back":
                found.setdefault(entry.version.run_id, entry)
        return found

    def _log(self, run_id: str) -> Log:
        return Log(self.store, f"{run_folder(self.model, run_id)}/log")

    def _why_whole(self, run_id: str, listing: Listing) -> str | None:
        """Why a run is removed whole, if it is."""
        if run_id in self.kept_digests:
            return None
        if begun := removed(listing):
            return str(begun.content.get("reason"))
        entry = self.decided.get(run_id)
        if entry and not _went_on(listing, entry):
            if run_id == next(iter(self.decided)):
                return None
            decision = entry.version.decision
            return f"{decision} as version {entry.number}, not kept, and a newer run was decided"
        if self._last_work(run_id, listing) < self.now - abandoned_seconds:
            return "undecided, and nothing was written for 30 days"
        return None

    def _last_work(self, run_id: str, listing: Listing) -> float:
        """When a run was written to last, but for what retention wrote."""
        folder, ours = run_folder(self.model, run_id), (retirement, removal, restoration)
        path = self._log(run_id).path
        skipped = {path(record.number) for record in listing.intact() if record.kind in ours}
        records = self.store.written(f"{folder}/log").items()
        times = [at for name, at in records if f"{folder}/log/{name}" not in skipped]
        others = last_write(self.store, folder, f"{folder}/data", f"{folder}/rounds")
        return max(others, *times, -math.inf)

    def _whole(self, run_id: str, listing: Listing, reason: str) -> Removal:
        with suppress(DamagedObject, UnknownObject):
            load_run(self.store, self.model, run_id)  # not where a newer program wrote it
        there = CheckpointLog(self.store, self.model, run_id).payloads()
        found = [record for record in listing.intact() if record.kind == "checkpoint"]
        sizes = {record.content.get("digest"): record.content.get("size") for record in found}
        size = sum(known for digest in there if isinstance(known := sizes.get(digest), int))
        digests = tuple(sorted(there))
        return Removal(
            run_id=run_id, whole=True, digests=digests, size=size, reason=reason, head=listing.head
        )

    def _some(self, run_id: str, listing: Listing) -> Removal | str | None:
        log = CheckpointLog(self.store, self.model, run_id)
        records = [found for _, found in listing.contents("checkpoint", CheckpointRecord)]
        there = log.payloads()
        sizes = {record.digest: record.size for record in records if record.digest in there}
        candidates = [Candidate(record.iteration, record.digest) for record in records]
        candidates = [found for found in dict.fromkeys(candidates) if found.digest in there]
        keep = self._policy(run_id, comparable_bits(log.evaluations()))(candidates)
        if not (gone := tuple(sorted(set(sizes) - keep))):
            return None
        if listing.damaged:
            return f"nothing of run {run_id} is removed, since its log is corrupt: {listing.damaged[0]}"
        # Verified in every byte, as to go on from it, before others are dispensable.
        newest = OpenRun(self.store, self.model, run_id).log.newest()
        if newest is None or newest.record.digest != records[0].digest:
            return f"nothing of run {run_id} is removed, since its newest checkpoint is corrupt"
        size = sum(sizes[digest] for digest in gone)
        reason = "not among the latest, the best or the champions that are kept"
        return Removal(
            run_id=run_id, whole=False, digests=gone, size=size, reason=reason, head=listing.head
        )

    def _policy(self, run_id: str, bits: Mapping[str, float]) -> Policy:
        options, entry = self.options, self.decided.get(run_id)
        judged = {entry.version.digest} if entry else set()  # may be judged again
        return any_of(
            latest(options.latest),
            best(options.best, bits),
            every_n(options.every_n),
            named(self.kept_digests.get(run_id, set()) | judged),
        )


def _went_on(listing: Listing, entry: Entry) -> bool:
    """Whether a run was trained on, or again from its start, since it was decided."""
    records = [record for record in listing.intact() if record.kind == "checkpoint"]
    if not records:
        return False
    version, iteration = entry.version, records[0].content.get("iteration")
    order = records[-1].content.get("order")
    further = isinstance(iteration, int) and iteration > max(version.iteration, version.goal or 0)
    again = isinstance(order, int) and version.order is not None and order > version.order
    return further or again
