"""Nights of scheduled retraining of one model, one after the other, each of them checked."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from flows.exceptions import CorpusError, GateFailed, UnknownObject
from flows.lifecycle import choosing
from flows.lifecycle.gates import least_size
from flows.parameters import PromotionOptions, SamplingOptions, TrainingOptions
from flows.storage.canonical import digest
from flows.storage.registry import Registry
from flows.storage.stores import open_store
from flows.storage.versions import Entry
from flows.text import Blocks
from tests.support import commands, killing
from tests.support.flows import files_below
from tests.support.night_flow import Ended, under_prefect, without_engine
from tests.support.night_measures import Reign, Use, bits, disk, reign
from tests.support.nightly_texts import Corpus, Files
from tests.support.retention import Killed

model = "default"
maximum_loss = PromotionOptions().maximum_loss
rounding = 0.01  # bits; a decision renormalises over the characters that both know
day = 24 * 3600
decided = {"Promoted", "Rejected"}
killed = {"killed", "SIGKILL", "abandoned"}
network = {"hidden_size": 16, "learning_rate": 0.05, "epochs": 2}


class Night(NamedTuple):
    """What a night came to."""

    kind: str
    state: str
    champion: int | None
    decided: bool
    own_loss: (
        float | None
    )  # bits per character that a new champion is worse by on the last one's text
    first_bits: float  # per character of the champion, on the text of the first night
    disk: dict[str, Use]


class Nights:
    """A store, a corpus and a clock; `run` lets a night of some kind pass."""

    def __init__(self, root: Path, *, lines: int, seed: int = 0, under_prefect: int = 20) -> None:
        """Every so many nights the flow runs under Prefect, and without its engine in between."""
        self.under_prefect = under_prefect
        self.root, self.folder = root, root / "store"
        self.corpus = Corpus(root / "corpus", lines, seed)
        self.nights: list[Night] = []
        self.refused: list[str] = []  # texts, and why
        self._rng = random.Random(seed)
        self._settled: dict[str, int | None] = {}  # the champion after the decision on each text
        self._first: Blocks | None = None

    def run(self, kind: str) -> Night:
        """A night, checked: its state, its decision, and that the champion did not get worse."""
        self._day(kind)
        files = self.corpus.write(kind)
        before, entries, there = self._reign(), self._entries(), self._snapshot()
        expected = self._expected(kind, files, before)
        state = self._pass(kind)
        new = self._entries()[: -len(entries) or None]
        after = self._reign()
        assert state.name in expected, f"{kind}: {state}, expected {expected}"
        self._check_decision(kind, state, new, entries)
        if state.name == "Unchanged" and kind not in killed:
            self._check_nothing_written(kind, there)
        if new or state.name in {"Promoted", "Rejected", "Unchanged"}:
            self._settled[digest(repr(files).encode())] = self._champion()
        night = self._night(kind, state, new, before, after)
        self.nights.append(night)
        self._pass_a_day()
        return night

    def decisions(self) -> int:
        """How many there are in the store."""
        return len(self._entries())

    def kill_everywhere(self) -> int:
        """A night, killed before each operation on its store in turn; how many there are."""
        self.corpus.grow()
        self.corpus.write("grown")
        before, twin = shutil.copytree(self.folder, self.root / "before"), self._twin()
        counted = killing.Operations()
        with killing.watched(counted):
            self._flow(twin)
        for number in range(counted.count):
            shutil.rmtree(self.folder)
            shutil.copytree(before, self.folder)
            self._die(number)
            self._flow(self.folder)
            self._check_against(twin)
        return counted.count

    def _day(self, kind: str) -> None:
        """What people do before the night."""
        if kind in {"grown", *killed}:
            self.corpus.grow()
        elif kind == "drifting":
            self.corpus.drift()
        elif kind == "new alphabet":
            self.corpus.new_alphabet()
        elif kind == "rollback":
            self._by_hand(lambda store: choosing.roll_back(store, model, None, "worse samples"))
        elif kind == "promotion by hand":
            promoted = [e.number for e in self._entries() if e.version.decision == "promoted"]
            chosen = self._rng.choice(promoted[:10])
            self._by_hand(lambda store: choosing.promote_by_hand(store, model, chosen, "liked"))

    def _by_hand(self, decide: Callable[[Any], object]) -> None:
        before = len(self._entries())
        try:
            decide(open_store(str(self.folder)))
        except UnknownObject as error:
            assert str(error), "a refusal says why"  # noqa: PT017 - a refusal is no failure
            assert before == len(self._entries())
            return
        assert self._entries()[0].version.decided_by == "hand"

    def _expected(self, kind: str, files: Files, before: Reign | None) -> set[str]:
        """The states that a night may end in."""
        key = digest(repr(files).encode())
        if kind in {"abandoned", "latin-1"}:
            return {"Killed" if kind == "abandoned" else "Failed"}
        if kind != "forced" and key in self._settled:
            same = self._settled[key] == self._champion()
            return {"Unchanged"} if same else {*decided, "Unchanged"}
        characters = sum(len(data.decode()) for data in files.values())
        halved = before and characters < least_size * (before.champion.version.characters or 0)
        if halved or kind == "damaged bytes":
            return {"Failed"}
        return {*decided, "Unchanged"} if kind in {"forced", *killed} else decided

    def _check_decision(
        self, kind: str, state: Ended, new: list[Entry], before: list[Entry]
    ) -> None:
        """A trained night has one record with its reason, which is the state's message too."""
        if state.name in {"Failed", "Unchanged"} and kind not in killed:
            assert [] == new, f"{kind}: decided about a {state.name} night"
        if state.name == "Failed":
            assert isinstance(state.error, CorpusError if kind == "latin-1" else GateFailed)
            assert "gates." in str(state.error) or kind == "latin-1"
            self.refused.append(f"{kind}: {state.error}")
        if state.name in {"Promoted", "Rejected"}:
            # What is forced may give the bytes of a run that was removed: its decision stands.
            assert 1 == len(new) or (kind == "forced" and not new)
        for entry in new:
            assert entry.version.reason, f"{kind}: version {entry.number} has no reason"
            assert entry.version.reason in state.message or kind in killed
            rolled_back = Registry(self._store, model).history().rolled_back
            taken_back = {e.version.digest for e in before if e.number in rolled_back}
            if entry.version.decision == "promoted":
                assert entry.version.digest not in taken_back, "the gate undid a rollback"

    def _check_nothing_written(self, kind: str, before: dict[Path, int]) -> None:
        """An unchanged night writes nothing."""
        assert before == self._snapshot(), f"{kind}: an unchanged night wrote or removed something"

    def _night(
        self,
        kind: str,
        state: Ended,
        new: list[Entry],
        before: Reign | None,
        after: Reign | None,
    ) -> Night:
        assert after
        self._first = self._first or after.text
        lost = None
        if before and any(entry.version.decision == "promoted" for entry in new):
            then, now = before.champion.payload, after.champion.payload
            lost = bits(now, before.text, then) - bits(then, before.text, now)
            assert lost <= maximum_loss + rounding, f"{kind}: {lost:.3f} bits lost"
        first_bits = bits(after.champion.payload, self._first)
        number, use = after.champion.number, disk(self.folder)
        return Night(kind, state.name, number, bool(new), lost, first_bits, use)

    def _pass(self, kind: str) -> Ended:
        if kind == "killed":
            return self._killed()
        if kind == "SIGKILL":
            return self._killed_by_signal()
        if kind == "abandoned":
            return self._abandoned()
        return self._flow(self.folder, force=kind == "forced")

    def _killed(self) -> Ended:
        """Killed before some operation on the store, and run again: as if it had not been."""
        twin = self._twin()
        counted = killing.Operations()
        with killing.watched(counted):
            self._flow(twin)
        self._die(self._rng.randrange(counted.count))
        return self._as_the_twin(twin)

    def _killed_by_signal(self) -> Ended:
        """The same in a process of its own, at any instant of it."""
        twin, started = self._twin(), time.monotonic()
        commands.outcome(commands.start(self.root / "home", *self._arguments(twin)))
        seconds = time.monotonic() - started
        process = commands.start(self.root / "home", *self._arguments(self.folder))
        time.sleep(self._rng.uniform(seconds / 3, seconds))
        commands.kill(process)
        return self._as_the_twin(twin)

    def _abandoned(self) -> Ended:
        """Killed, and never run again on that text."""
        self._die(self._rng.randrange(20, 150))
        return Ended("Killed", "")

    def _die(self, operations: int) -> None:
        with killing.watched(killing.Operations(operations)):
            try:
                self._flow(self.folder)
            except Killed:
                return

    def _as_the_twin(self, twin: Path) -> Ended:
        """Run again what was killed; it ends with the bytes of its twin."""
        state = self._flow(self.folder)
        self._check_against(twin)
        shutil.rmtree(twin)
        return state

    def _check_against(self, twin: Path) -> None:
        assert killing.decisions(twin, model) == killing.decisions(self.folder, model)
        assert killing.reports(twin) == killing.reports(self.folder)
        expected, found = killing.payloads(twin), killing.payloads(self.folder)
        assert expected.items() <= found.items()  # what it did not remove yet goes another night

    def _twin(self) -> Path:
        return Path(shutil.copytree(self.folder, self.root / "twin"))

    def _flow(self, store: Path, *, force: bool = False) -> Ended:
        parameters = {
            "corpus": f"{self.corpus.folder}/*.txt",
            "store": str(store),
            "training": TrainingOptions.model_validate(network),
            "sampling": SamplingOptions(length=50, temperatures=(1.0,)),
            "force": force,
        }
        often = len(self.nights) % self.under_prefect == 0
        return under_prefect(parameters) if often else without_engine(parameters)

    def _arguments(self, store: Path) -> list[str]:
        options = [f"--training.{name}={value}" for name, value in network.items()]
        sampling = ["--sampling.length=50", "--sampling.temperatures=[1.0]"]
        return [f"--corpus={self.corpus.folder}/*.txt", f"--store={store}", *options, *sampling]

    @property
    def _store(self) -> Any:
        return open_store(str(self.folder))

    def _entries(self) -> list[Entry]:
        return list(Registry(self._store, model).history().entries)

    def _champion(self) -> int | None:
        return next(Registry(self._store, model).history().champions(), None)

    def _reign(self) -> Reign | None:
        return reign(self._store, model)

    def _snapshot(self) -> dict[Path, int]:
        files = (path for path in files_below(self.folder) if path.name != "lock")
        return {path: path.stat().st_mtime_ns for path in files}

    def _pass_a_day(self) -> None:
        """Everything in the store is a day older, by the store's clock."""
        for path in files_below(self.folder):
            before = path.stat().st_mtime
            os.utime(path, (before - day, before - day))
