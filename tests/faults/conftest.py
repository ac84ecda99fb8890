"""What the long fault tests start."""

from __future__ import annotations

from tests.support.fixtures import fresh_caches, hasty_threads  # noqa: F401 - fixtures
from tests.support.s3 import bucket, careless_server, gateway, owner, s3  # noqa: F401 - fixtures
