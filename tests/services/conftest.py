"""The servers of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3 import bucket, careless_server, gateway, owner, s3  # noqa: F401 - fixtures
from tests.support.site import Site, password, started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest file first, so that none is left waiting for it at the end."""
    items.sort(key=lambda item: item.path.stem != "test_stopping")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For all tests that leave server and worker as they were."""
    yield from started(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site behind a password, whose worker and server tests may kill."""
    settings = {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
    }
    yield from started(tmp_path_factory.mktemp("mortal"), **settings)
