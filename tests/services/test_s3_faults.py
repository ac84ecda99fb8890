"""The short form of the fault tests on S3; `make faults` runs the long one."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

import pytest

from flows.storage.backends.remote import RemoteStore
from flows.storage.checkpoints import CheckpointLog
from flows.storage.stores import open_store
from tests.support.counting import shown
from tests.support.faults.proxy import FaultProxy, corrupted_reads, every_request, reads
from tests.support.faults.s3_runs import commit_many, read_corrupted, verify
from tests.support.faults.writers import Writers, run_id
from tests.support.s3 import Gateway, variables
from tests.support.states import facts, make_state, vocabulary
from tests.support.stores import reopened

Count = Callable[[str], None]


def test_a_bad_network_loses_nothing(owner: dict[str, str], bucket: str, count: Count) -> None:
    """Lost replies, resets, 500, 503 and delays: no run fails, and no false conflict."""
    url = f"s3://{bucket}/store"
    with FaultProxy(owner["AWS_ENDPOINT_URL"], every_request, share=0.25, seed=1) as proxy:
        with variables(owner | {"AWS_ENDPOINT_URL": proxy.url}):
            commit_many(url, 25)
        counts = proxy.counts
    with variables(owner):
        verify(url, 25)
    count(shown("bad network, 25 commits", counts))


def test_corrupted_replies_are_detected(owner: dict[str, str], bucket: str, count: Count) -> None:
    """Flipped and short bodies: reported and skipped, or read again; never trusted."""
    url = f"s3://{bucket}/store"
    commit_many(url, 4)
    server = owner["AWS_ENDPOINT_URL"]
    with FaultProxy(server, corrupted_reads, share=0.3, seed=2, only=reads) as proxy:
        with variables(owner | {"AWS_ENDPOINT_URL": proxy.url}):
            counts = read_corrupted(url, 30)
        count(shown("corrupted replies", counts | proxy.counts))
    assert 0 == counts["silent"]


@pytest.mark.parametrize(("lengths", "kills"), [((3,), 10), ((3, 5), 6)])
@pytest.mark.usefixtures("s3")
def test_killed_writers_lose_nothing(
    bucket: str, lengths: tuple[int, ...], kills: int, count: Count
) -> None:
    """SIGKILL at any time: what was acknowledged exists, bit for bit, each iteration once."""
    writers = Writers(f"s3://{bucket}/store", lengths, seed=kills)

    writers.kill(kills, pause=0.5)

    assert 0.25 * writers.counts["kills"] <= writers.counts["kills inside a commit"]
    count(shown(f"{len(lengths)} writers killed on S3", writers.counts))


def test_a_killed_server_loses_nothing(gateway: Gateway, bucket: str, count: Count) -> None:
    """The server is killed and restarted twice while a run commits: the run succeeds."""
    url = f"s3://{bucket}/store"
    failures: list[BaseException] = []

    def work() -> None:
        try:
            commit_many(url, 40)
        except BaseException as error:
            failures.append(error)

    run = Thread(target=work)
    run.start()
    for _ in range(2):
        time.sleep(1.0)
        gateway.kill_gateway()
        gateway.start_gateway()
    run.join()

    assert [] == failures
    verify(url, 40)
    count("server killed 2 times during 40 commits on S3")


@pytest.mark.usefixtures("s3")
def test_an_empty_exclusive_open_would_be_caught(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On S3, an `open("xb")` that writes no bytes overwrites an object; the store does not."""
    store = open_store(f"s3://{bucket}/store")
    assert isinstance(store, RemoteStore)

    def open_exclusively(path: str, data: bytes, mode: str) -> None:
        del mode
        with store._fs.open(path, "xb") as file:
            file.write(data)

    def both_succeed() -> bool:
        store.remove("object")
        store.create("object", b"first")
        try:
            store.create("object", b"")
        except OSError:
            return False
        return store.read("object") == b""

    with pytest.raises(Exception, match="object already exists"):
        both_succeed()
    monkeypatch.setattr(store._fs, "pipe_file", open_exclusively)
    assert both_succeed()


@pytest.mark.usefixtures("s3")
def test_a_listing_from_a_cache_would_be_caught(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With s3fs's cache of listings another run's checkpoint is not seen; the store uses none."""
    ours = open_store(f"s3://{bucket}/store")
    assert isinstance(ours, RemoteStore)
    log = CheckpointLog(ours, "default", run_id)

    def sees_another_run() -> bool:
        before = log.head()
        state = make_state(iterations=before + 2)
        theirs = CheckpointLog(reopened(ours.url), "default", run_id)
        theirs.commit(state, vocabulary, facts, after=before)
        return log.head() == before + 1

    assert sees_another_run()
    monkeypatch.setattr(ours._fs.dircache, "use_listings_cache", True)
    listed = ours._fs.ls
    monkeypatch.setattr(ours._fs, "ls", lambda path, **_: listed(path, detail=False))
    assert not sees_another_run()
