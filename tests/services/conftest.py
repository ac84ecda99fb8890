"""The servers of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3 import bucket, gateway, owner, s3, unsafe_server  # noqa: F401 - fixtures
from tests.support.site import Site, password, started

longest = ("test_lost_worker", "test_stopping", "test_container")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that nothing has to wait for them at the end."""
    items.sort(key=lambda item: item.path.stem not in longest)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for all tests that do not stop server or worker."""
    yield from started(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def killable_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a password, whose worker and server tests may kill."""
    settings = {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
    }
    yield from started(tmp_path_factory.mktemp("killable_site"), **settings)
