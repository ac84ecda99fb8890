"""Stores of both kinds."""

from tests.support.fixtures import fast_switching_threads, fresh_caches, local, store, store_url  # noqa: F401 - fixtures
