"""What the long fault tests start."""

from __future__ import annotations

from tests.services.s3 import bucket, careless_server, gateway, owner, s3  # noqa: F401 - fixtures
from tests.storage.conftest import fresh_caches, hasty_threads  # noqa: F401 - fixtures
