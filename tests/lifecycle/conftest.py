"""Stores of both kinds."""

from tests.support.fixtures import (  # noqa: F401 - fixtures
    fast_switching_threads,
    fresh_caches,
    local,
    store,
    store_url,
)
