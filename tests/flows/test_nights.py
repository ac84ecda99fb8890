"""Three weeks of nights, one of each kind: what each came to, and what it left."""

from __future__ import annotations

from pathlib import Path

from flows.storage.stores import open_store
from tests.support.night_story import every_kind
from tests.support.nights import Nights


def test_nights_of_each_kind_end_as_they_should(tmp_path: Path) -> None:
    """`Nights.run` checks each; a process that is killed takes longer: `make soak`."""
    nights = Nights(tmp_path, lines=300)

    for kind in every_kind(but=["SIGKILL"]):
        nights.run(kind)

    found = {night.kind: night for night in nights.nights}
    assert "Promoted" == found["grown"].state
    assert "Unchanged" == found["unchanged"].state
    for kind in ("halved", "file gone", "damaged bytes", "latin-1"):
        assert "Failed" == found[kind].state
    assert found["shuffled"].state == "Rejected"
    assert open_store(str(nights.folder)).names("models") == ["default"]
