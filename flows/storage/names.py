"""Names that only this program gives to files of a store: others are never taken for its own."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

temporary_prefix = ".tmp-"  # of files that are being written
derived_folder = "reports/pages"  # pages are drawn from the store, and replaced whole
training_folder = "reports/training"  # as are tables of the logs
sweep_folder = "reports/sweeps"  # as are tables of sweeps
derived_folders = derived_folder, training_folder, sweep_folder
_random = "[0-9a-f]{16}"
_temporary = re.compile(re.escape(temporary_prefix) + _random)
_probe = re.compile(f"probe-{_random}")
_round = re.compile(r"([0-9]{12,19})-([0-9a-f]{64})\.safetensors")
_payload = re.compile(r"([0-9a-f]{64})\.safetensors")


class RoundName(NamedTuple):
    """What the name of a kept end of a round says."""

    iteration: int
    digest: str  # SHA-256 of its content


def temporary_name() -> str:
    """A new name for a file that is being written."""
    return f"{temporary_prefix}{secrets.token_hex(8)}"


def probe_name() -> str:
    """A new name for an object that tries whether a store can be written."""
    return f"probe-{secrets.token_hex(8)}"


def is_temporary(name: str) -> bool:
    """Whether this program gave that name to a file it was writing."""
    return _temporary.fullmatch(name) is not None


def check_derived(path: str) -> None:
    """Refuse to replace what is not drawn from the rest of the store: it is never overwritten."""
    if not any(path.startswith(f"{folder}/") for folder in derived_folders):
        raise ValueError(f"{path} is not in {' or '.join(derived_folders)}")


def is_own(name: str) -> bool:
    """Whether this program gave that name to a probe, or to a file that it was writing."""
    return is_temporary(name) or _probe.fullmatch(name) is not None


def is_payload(name: str) -> bool:
    """Whether that is the name of a training state."""
    return digest_of_payload(name) is not None


def digest_of_payload(name: str) -> str | None:
    """The digest in the name of a training state; None for another name."""
    match = _payload.fullmatch(name)
    return match[1] if match else None


def kept_round_name(iteration: int, digest: str) -> str:
    """The name of an end of a round that is kept."""
    return f"{iteration:012}-{digest}.safetensors"


def round_of_name(name: str) -> RoundName | None:
    """What the name of a kept end of a round says; None for another name."""
    match = _round.fullmatch(name)
    return RoundName(int(match[1]), match[2]) if match else None
