"""Stores of both kinds, and a web server."""

from tests.support.fixtures import fast_switching_threads, fresh_caches, local, store, store_url  # noqa: F401 - fixtures
from tests.support.web import web  # noqa: F401 - a fixture
