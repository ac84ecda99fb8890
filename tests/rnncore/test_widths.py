"""The width of vectors: known processors by a table, others by what they do well."""

from __future__ import annotations

import numpy as np
import pytest

from rnncore.kernels.simd import aligned, widths

wide = pytest.mark.parametrize(("full_width", "lanes"), [(True, 16), (False, 8)])


@pytest.fixture(autouse=True)
def registers_of_512_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with AVX-512."""
    monkeypatch.setattr(widths, "register_bits", 512)
    monkeypatch.setattr(widths, "has_full_width", measured_although_it_is_known)


def measured_although_it_is_known() -> bool:
    """Fails where the table should decide."""
    raise AssertionError


@pytest.mark.parametrize("name", ["znver4", "znver5", "sapphirerapids"])
def test_a_known_processor_is_not_measured(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same width in every process."""
    monkeypatch.setattr(widths, "target_processor", lambda: name)

    assert 16 == widths.fastest_lanes(32)
    assert 8 == widths.fastest_lanes(64)


@wide
def test_an_unknown_processor_is_measured_for_a_new_run(
    monkeypatch: pytest.MonkeyPatch, *, full_width: bool, lanes: int
) -> None:
    """Reading and sampling, which no record names, do not depend on a measurement."""
    monkeypatch.setattr(widths, "target_processor", lambda: "of tomorrow")
    monkeypatch.setattr(widths, "has_full_width", lambda: full_width)

    assert lanes == widths.fastest_lanes(32)
    assert 8 == widths.known_lanes(32)
    assert 8 == widths.fastest_lanes(64)


@pytest.mark.parametrize(("bits", "lanes"), [(256, 8), (128, 4)])
def test_whole_registers_are_used_without_avx512(
    monkeypatch: pytest.MonkeyPatch, bits: int, lanes: int
) -> None:
    """Nothing is measured there."""
    monkeypatch.setattr(widths, "register_bits", bits)
    monkeypatch.setattr(widths, "target_processor", lambda: "haswell")

    assert lanes == widths.fastest_lanes(32) == widths.known_lanes(32) == widths.first_lanes(32)


@pytest.mark.parametrize(("ratio", "full_width"), [(1.0, True), (2.0, True), (4.0, False)])
def test_whole_registers_are_worth_it_if_they_compute_as_many_floats_in_the_time(
    monkeypatch: pytest.MonkeyPatch, *, ratio: float, full_width: bool
) -> None:
    """They need fewer instructions for the same work; the shortest of the times counts."""
    monkeypatch.undo()
    times = iter([9.0, 7.0, *[ratio, 1.0] * 19])
    monkeypatch.setattr(widths, "register_bits", 512)
    monkeypatch.setattr(widths, "seconds_of_multiply_adds", lambda _: next(times))

    assert full_width == widths.has_full_width.__wrapped__()


def test_vectors_of_any_width_are_timed() -> None:
    """The measurement itself runs on each x86-64 processor, if need be with two registers."""
    assert all(
        widths.seconds_of_multiply_adds(aligned(np.dtype(np.float32), lanes, 5 * lanes)) > 0
        for lanes in (8, 16)
    )
