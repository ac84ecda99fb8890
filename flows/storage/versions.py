"""Versions: what was decided about a model's checkpoints, and who is champion after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import UnknownObject
from flows.storage.log import Listing
from flows.storage.order import Order


class Comparison(BaseModel):
    """Two models on one text: the checkpoint of a decision, and that of an earlier version.

    Scored are the characters that both know, with probabilities renormalised over these.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    text: Literal["new", "champion", "oldest"]  # held out of whose text: the run's, or a version's
    version: int  # that it was compared with
    characters: int  # scored
    pieces: int  # blocks, or parts of them where there are few
    bits_per_character: float
    other_bits_per_character: float
    gain: float  # bits per character that the checkpoint is better by
    standard_error: float | None  # of the gain; None where it cannot be told
    unknown_share: float  # of the characters: those that only one of them knows
    unknown_bits_per_character: float | None  # of these, with no probability renormalised
    other_unknown_bits_per_character: float | None


class Finding(BaseModel):
    """What a gate on the data found, with the number and its bound."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    gate: str
    action: Literal["warn", "fail"]
    value: float
    bound: float
    sentence: str


class Copied(BaseModel):
    """Share of the substrings of a length that stand in the training text; None in no text."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    samples: float | None
    held_out_text: float | None  # for comparison: what any text of the kind has


class Version(BaseModel):
    """What was decided about a checkpoint, and why. Fields with a default came later."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    decision: Literal["promoted", "rejected", "rolled_back"]
    reason: str  # for people
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    iteration: int
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # SHA-256 of the payload
    bits_per_character: float | None  # on its run's held-out text; None where nothing is held out
    champion: int | None  # number of the version that it was measured against
    champion_bits_per_character: float | None  # of that, on the same text
    rule: str | None = None  # by which both were measured, as in `EvaluationRecord`
    best_of: int | None = None  # runs of a sweep, which the other half of the text compared
    order: Order | None = None  # among the model's runs and decisions
    champion_now: int | None = None  # number of the champion after this decision
    to_version: int | None = None  # of a rollback
    decided_by: Literal["gate", "hand"] = "gate"
    note: str = ""  # of the person who decided
    judge_on: Literal["both", "new"] = "both"
    comparisons: tuple[Comparison, ...] = ()
    lost_bits: float | None = None  # on champions' own texts, since the last promotion by hand
    copied: dict[str, Copied] = {}  # by length in characters
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    goal: int | None = None  # iterations that were asked for; the run itself may be gone
    parent: str | None = None  # digest of the checkpoint that its run started from
    dataset_id: str | None = None
    corpus: tuple[str, ...] = ()  # URLs, without secrets
    characters: int | None = None  # of the dataset
    vocabulary_size: int | None = None

    @property
    def gain(self) -> float | None:
        """Bits per character that the checkpoint was better by than the champion of then."""
        if self.comparisons:
            return self.comparisons[0].gain
        before, after = self.champion_bits_per_character, self.bits_per_character
        return None if before is None or after is None else before - after


class Entry(NamedTuple):
    """A version as the log has it."""

    number: int
    time: str  # UTC, ISO 8601
    version: Version


@dataclass(frozen=True)
class History:
    """A model's versions, newest first, and what follows from them."""

    entries: Sequence[Entry]

    @classmethod
    def of(cls, listing: Listing) -> History:
        """The intact versions of a listing."""
        found = listing.contents("version", Version)
        return cls([Entry(record.number, record.created_at, version) for record, version in found])

    @cached_property
    def rolled_back(self) -> frozenset[int]:
        """Numbers of the versions that a rollback took out: all between its target and itself."""
        numbers: set[int] = set()
        for number, _, version in self.entries:
            if version.decision == "rolled_back" and version.to_version is not None:
                numbers.update(range(version.to_version + 1, number))
        return frozenset(numbers)

    def champions(self) -> Iterator[int]:
        """Number of the champion, then of those that a rollback would go to, one after the other."""
        newest = next((e for e in self.entries if e.version.decision != "rejected"), None)
        if newest is None:
            return
        target = newest.version.to_version
        champion = newest.number if target is None else target
        yield champion
        for number, _, version in self.entries:
            if (
                number < champion
                and version.decision == "promoted"
                and number not in self.rolled_back
            ):
                yield number

    def champion_after(self, number: int) -> int | None:
        """Number of the champion after the decision of that number."""
        until = History([entry for entry in self.entries if entry.number <= number])
        return next(until.champions(), None)

    def reigned(self) -> Iterator[Entry]:
        """Versions whose checkpoint became champion, the last time first; rolled back ones too."""
        for entry in self.entries:
            target = entry.version.to_version
            found = entry if target is None else self.get(target)
            if found and entry.version.decision != "rejected":
                yield found

    def kept(self, count: int) -> list[Entry]:
        """Versions of the last `count` distinct checkpoints that were champion, and of as many that
        rollbacks would go to.
        """
        returns = (found for number in self.champions() if (found := self.get(number)))
        kept: dict[int, Entry] = {}
        for entries in (self.reigned(), returns):
            distinct: dict[tuple[str, str], Entry] = {}
            for entry in entries:
                distinct.setdefault((entry.version.run_id, entry.version.digest), entry)
                if len(distinct) == count:
                    break
            kept |= {entry.number: entry for entry in distinct.values()}
        return list(kept.values())

    def get(self, number: int) -> Entry | None:
        """The version of that number; a rollback is none."""
        return next(
            (e for e in self.entries if e.number == number and e.version.decision != "rolled_back"),
            None,
        )

    def entry(self, number: int, model: str) -> Entry:
        """As `get`; `UnknownObject` says which versions the model has."""
        if found := self.get(number):
            return found
        known = [e.number for e in self.entries if e.version.decision != "rolled_back"]
        there = f"they are {min(known)} to {max(known)}" if known else "it has none yet"
        if any(e.number == number for e in self.entries):
            there = f"record {number} is a rollback; {there}"
        raise UnknownObject(f"model {model} has no version {number}: {there}")

    def with_entry(self, entry: Entry) -> History:
        """The history after a record was appended, or as it is where it has that record."""
        if any(known.number == entry.number for known in self.entries):
            return self
        return History([entry, *self.entries])

    def about(self, run_id: str, digest: str) -> Entry | None:
        """The newest decision about a checkpoint."""
        wanted = run_id, digest
        return next(
            (
                entry
                for entry in self.entries
                if (entry.version.run_id, entry.version.digest) == wanted
                and entry.version.decision != "rolled_back"
            ),
            None,
        )

    def standing(self, run_id: str, digest: str) -> Entry | None:
        """The decision about a checkpoint, if it still stands.

        It does while the champion is the one of then, or the checkpoint itself. What a person rolled
        back stays rolled back.
        """
        if (known := self.about(run_id, digest)) is None:
            return None
        champion = next(self.champions(), None)
        reigning = None if champion is None else self.get(champion)
        if reigning and (reigning.version.run_id, reigning.version.digest) == (run_id, digest):
            return reigning
        if known.number in self.rolled_back or self.champion_after(known.number) == champion:
            return known
        return None
