"""What tells that a file was changed while it was read."""

from __future__ import annotations

from typing import Any

from flows.corpus.files import tags, times
from flows.exceptions import CorpusError

State = tuple[str, ...]


def state_of(filesystem: Any, path: str) -> State:
    """Size, tag and times of a file, as far as its filesystem has them; asked for anew."""
    filesystem.invalidate_cache()
    info = filesystem.info(path)
    return tuple(str(info.get(key)) for key in ("size", "ino", "created", *tags, *times))


def changed(url: str) -> CorpusError:
    """The error for a file that is not what it was when its first byte was read."""
    return CorpusError(
        f"the corpus {url} was changed while it was read: try again when nobody writes to it"
    )
