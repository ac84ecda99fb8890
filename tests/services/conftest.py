"""The servers of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.containers import Image, can_build, needed
from tests.support.fleets import (  # noqa: F401 - fixtures
    fleet_cluster,
    fleet_on_threads,
    models_table,
)
from tests.support.s3 import bucket, gateway, owner, s3, unsafe_server  # noqa: F401 - fixtures
from tests.support.site import Site, password, started

longest = ("test_container", "test_compose", "test_lost_worker", "test_stopping")
of_the_image = ("test_container", "test_compose")


class OneImage(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """A file's tests in one process, and those of the image too, which is built once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "image" if Path(file).stem in of_the_image else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneImage | None:
    """What shares tests out between processes."""
    return OneImage(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that nothing has to wait for them at the end."""
    items.sort(key=lambda item: item.path.stem not in longest)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The project's image, built once."""
    if not can_build():
        pytest.skip(needed)
    image = Image(tmp_path_factory.mktemp("image"))
    try:
        image.build()
        yield image
    finally:
        image.remove()


@pytest.fixture(scope="session")
def kernels(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume for compiled kernels, of all containers: they are compiled once."""
    return image.own(tmp_path_factory.mktemp("kernels"))


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
