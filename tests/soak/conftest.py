"""Fixtures of the simulated year."""

from __future__ import annotations

from tests.support.fixtures import fresh_caches  # noqa: F401 - a fixture
from tests.support.prefect_server import prefect_server  # noqa: F401 - a fixture
