"""Stores of both kinds."""

from tests.support.fixtures import fresh_caches, local, store, store_url  # noqa: F401 - fixtures
