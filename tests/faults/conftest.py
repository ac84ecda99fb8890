"""Fixtures of the long fault tests."""

from __future__ import annotations

from tests.support.fixtures import fast_switching_threads, fresh_caches  # noqa: F401 - fixtures
from tests.support.fleets import (  # noqa: F401 - fixtures
    fleet_cluster,
    fleet_on_threads,
    models_table,
)
from tests.support.s3 import bucket, gateway, owner, s3, unsafe_server  # noqa: F401 - fixtures
