"""Hundreds of faults between a run and its S3 server, and of the server itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from flows.storage.checkpoints import CheckpointLog
from flows.storage.stores import open_store
from tests.support.counting import shown
from tests.support.faults.proxy import FaultProxy, corrupted_reads, every_request, reads
from tests.support.faults.s3_runs import commit_many, read_corrupted, verify
from tests.support.faults.writers import Writers, run_id, undisturbed
from tests.support.s3 import Gateway, variables

Count = Callable[[str], None]


def test_a_bad_network_loses_nothing(owner: dict[str, str], bucket: str, count: Count) -> None:
    """A quarter of all requests fails: no run fails, no false conflict, nothing written twice."""
    url, server = f"s3://{bucket}/store", owner["AWS_ENDPOINT_URL"]
    with FaultProxy(server, every_request, share=0.25, seed=3) as proxy:
        with variables(owner | {"AWS_ENDPOINT_URL": proxy.url}):
            commit_many(url, 200)
        counts = proxy.counts
    with variables(owner):
        verify(url, 200)
    assert 300 < sum(counts[fault] for fault in every_request)
    count(shown("bad network, 200 commits on S3", counts))


def test_lost_replies_are_not_lost_races(owner: dict[str, str], bucket: str, count: Count) -> None:
    """Half of all replies are lost: a lost reply is never taken for a lost race."""
    url, server = f"s3://{bucket}/store", owner["AWS_ENDPOINT_URL"]
    with FaultProxy(server, ("lost reply",), share=0.5, seed=4) as proxy:
        with variables(owner | {"AWS_ENDPOINT_URL": proxy.url}):
            commit_many(url, 40)
        counts = proxy.counts
    with variables(owner):
        verify(url, 40)
    count(shown("lost replies, 40 commits on S3", counts))


def test_corrupted_replies_are_detected(owner: dict[str, str], bucket: str, count: Count) -> None:
    """Flipped and short bodies are never trusted."""
    url, server = f"s3://{bucket}/store", owner["AWS_ENDPOINT_URL"]
    with variables(owner):
        commit_many(url, 4)
    with FaultProxy(server, corrupted_reads, share=0.4, seed=5, only=reads) as proxy:
        with variables(owner | {"AWS_ENDPOINT_URL": proxy.url}):
            counts = read_corrupted(url, 250)
        corrupted = proxy.counts
    assert 0 == counts["silent"]
    assert 200 < sum(corrupted[fault] for fault in corrupted_reads)
    count(shown("corrupted replies", counts | corrupted))


@pytest.mark.usefixtures("s3")
def test_a_server_killed_repeatedly_loses_nothing(
    gateway: Gateway, bucket: str, count: Count
) -> None:
    """A run that fails because of it is started again; what was acknowledged exists."""
    url = f"s3://{bucket}/store"
    log = CheckpointLog(open_store(url), "default", run_id)
    writers = Writers(url, (3,), seed=6)

    def kill_server() -> None:
        time.sleep(0.5)
        gateway.kill_gateway()
        gateway.start_gateway()
        writers.counts["kills of the server"] += 1

    writers.disturb(kill_server, lambda: writers.counts["kills of the server"] == 50)

    newest = log.newest()
    assert newest is not None
    assert undisturbed.digest(newest.record.iteration) == newest.record.digest
    count(shown("server killed", writers.counts))
