"""The limits of a run: control groups, free disk, and what the operator allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.exceptions import LimitExceeded
from flows.lifecycle.estimates import Estimate
from flows.lifecycle.limits import limits_of, memory_limit
from flows.lifecycle.schedule import operations_per_second
from flows.storage.datasets import cache_folder
from flows.storage.stores import open_store

hour = 3600 * operations_per_second


def written(root: Path, files: dict[str, str]) -> Path:
    """`root` with files of these contents."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "proc/self/cgroup": "0::/jobs/mine\n",
                "sys/fs/cgroup/jobs/mine/memory.max": "max\n",
                "sys/fs/cgroup/jobs/memory.max": "50000000\n",
            },
            50_000_000,
        ),
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "60000000\n",
            },
            60_000_000,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/a\n4:hugetlb,memory:/docker/1234\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "70000000\n",
            },
            70_000_000,
        ),
    ],
    ids=["version 2, the group around", "version 2, a container", "version 1, a container"],
)
def test_memory_is_that_of_the_control_group(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    """The smallest limit of a process's groups and of those around them."""
    assert expected == memory_limit(written(tmp_path, files))


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"},
        {
            "proc/self/cgroup": "4:memory:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    ],
    ids=["no control groups", "version 2", "version 1"],
)
def test_without_a_limit_memory_is_that_of_the_machine(
    tmp_path: Path, files: dict[str, str]
) -> None:
    """Also where a limit is above it."""
    machine = memory_limit(written(tmp_path, files))

    assert 10**8 < machine < 10**15
    assert machine >= memory_limit()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Estimate(memory=10**15), r"needs about 1,000,000,000 MB of memory, this machine or its"),
        (Estimate(disk=10**18), r"writes about 1,000,000,000,000 MB, .* MB free: make room"),
        (Estimate(files=100_001), r"100,001 files, RNN_MAXIMUM_FILES allows 100,000: make"),
        (Estimate(operations=169 * hour), r"about 169 hours .* RNN_MAXIMUM_HOURS allows 168: "),
    ],
)
def test_an_estimate_above_a_limit_is_refused(
    tmp_path: Path, found: Estimate, expected: str
) -> None:
    """The message has the estimate, the limit, and what to do."""
    with pytest.raises(LimitExceeded, match=expected):
        limits_of(open_store(str(tmp_path / "store"))).check(found)


def test_the_operator_sets_files_and_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is no number above 0 is refused."""
    store = open_store(str(tmp_path / "store"))
    monkeypatch.setenv("RNN_MAXIMUM_FILES", "10")
    monkeypatch.setenv("RNN_MAXIMUM_HOURS", "0.5")
    limits = limits_of(store)
    limits.check(Estimate(files=10, operations=0.5 * hour))
    with pytest.raises(LimitExceeded, match="allows 10"):
        limits.check(Estimate(files=11))
    with pytest.raises(LimitExceeded, match=r"allows 0\.5"):
        limits.check(Estimate(operations=hour))

    for wrong in ("many", "0", "-1", "nan", "inf", "1e999"):
        monkeypatch.setenv("RNN_MAXIMUM_HOURS", wrong)
        with pytest.raises(LimitExceeded, match=f"RNN_MAXIMUM_HOURS is '{wrong}'"):
            limits_of(store)


def test_free_disk_of_a_remote_store_is_that_of_the_local_cache(tmp_path: Path) -> None:
    """Its tokens are copied there; the folder of a local store need not exist yet."""
    assert cache_folder() == limits_of(open_store("inmemory://bucket/store")).folder
    assert tmp_path == limits_of(open_store(str(tmp_path / "new" / "store"))).folder
