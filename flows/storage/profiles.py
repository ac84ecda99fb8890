"""Profiles of datasets: what a text is made of, in numbers, beside its tokens."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import DamagedObject, NewerFormat, ObjectMissing
from flows.storage import bounds
from flows.storage.damage import warn
from flows.storage.datasets import dataset_folder
from flows.storage.documents import Document, create_document, load_document
from flows.storage.stores import Store

profile_format = 1
most_files = 1000  # of a corpus, in its profile: those with problems first
most_problems = 20  # of a file
most_text = 1000  # characters of a name or a problem


class Part(BaseModel):
    """Base of what a profile consists of."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CharacterCount(Part):
    """How often a character occurs."""

    character: str = Field(min_length=1, max_length=1)
    count: int = Field(ge=0)


class EntropyEntry(Part):
    """Bits per character, given the `order` characters before each."""

    order: int = Field(ge=0, le=3)
    bits_per_character: float = Field(ge=0)
    characters: int = Field(ge=0)  # of the text that was read for it
    is_exact: bool  # that is the whole text


class ProfiledFile(Part):
    """A file of the corpus that a dataset was first read from."""

    name: str  # public URL
    characters: int = Field(ge=0)
    problems: tuple[str, ...] = ()  # a short sentence each


class Profile(Document):
    """`profile.json`: made from the tokens of its dataset, and from what its readers found."""

    what: ClassVar[str] = "a dataset's profile"
    newest_format: ClassVar[int] = profile_format
    most: ClassVar[int] = bounds.profile

    dataset_id: str
    characters: int = Field(ge=0)
    utf8_bytes: int = Field(ge=0)
    lines: int = Field(ge=0)
    distinct_characters: int = Field(ge=0)
    outside_ascii: int = Field(ge=0)  # characters
    control_characters: int = Field(ge=0)  # other than tab, line feed and carriage return
    nul_characters: int = Field(ge=0)
    frequent: tuple[CharacterCount, ...]  # the most frequent first
    rare: tuple[CharacterCount, ...]  # the rarest last; none that is in `frequent`
    entropies: tuple[EntropyEntry, ...]
    files: tuple[ProfiledFile, ...]
    more_files: int = Field(ge=0)  # that are not in `files`

    @property
    def name(self) -> str:
        """As `dataset_id`."""
        return self.dataset_id

    @property
    def unnamed_characters(self) -> int:
        """How many different characters there are besides those with their counts."""
        return self.distinct_characters - len(self.frequent) - len(self.rare)

    @property
    def bits_by_order(self) -> dict[int, float]:
        """The entropies, as a curve shows them."""
        return {entry.order: entry.bits_per_character for entry in self.entropies}


def save_profile(store: Store, profile: Profile) -> Profile:
    """Write a profile; the one that is there already stays, unless it is corrupt."""
    path = _path(profile.dataset_id)
    try:
        return create_document(store, path, profile)
    except DamagedObject as error:
        warn(error, "written again")
        store.remove(path)
        return create_document(store, path, profile)


def find_profile(store: Store, dataset_id: str) -> Profile | None:
    """The profile of a dataset; None where there is none, or none that can be read."""
    try:
        return load_document(store, _path(dataset_id), Profile, dataset_id)
    except ObjectMissing:
        return None
    except DamagedObject as error:
        warn(error, "taken for missing")
        return None


def entropies_of(store: Store, dataset_id: str) -> dict[int, float]:
    """Bits per character by order, as a curve shows them; none where there is no profile."""
    try:
        profile = find_profile(store, dataset_id)
    except NewerFormat:
        return {}
    return profile.bits_by_order if profile else {}


def bounded_files(files: tuple[ProfiledFile, ...]) -> tuple[tuple[ProfiledFile, ...], int]:
    """As many files as a profile names, in their order, and how many it does not."""
    by_weight = sorted(range(len(files)), key=lambda at: not files[at].problems)
    kept = [_shortened(files[at]) for at in sorted(by_weight[:most_files])]
    return tuple(kept), len(files) - len(kept)


def _shortened(file: ProfiledFile) -> ProfiledFile:
    problems = tuple(problem[:most_text] for problem in file.problems[:most_problems])
    return ProfiledFile(name=file.name[:most_text], characters=file.characters, problems=problems)


def _path(dataset_id: str) -> str:
    return f"{dataset_folder(dataset_id)}/profile.json"
