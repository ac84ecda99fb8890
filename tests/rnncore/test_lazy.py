"""The kernels are imported late, and whole."""

from __future__ import annotations

import subprocess
import sys

together = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import rnncore, sys
assert "numba" not in sys.modules
names = ["least_lanes", "train", "draw", "read", "most_lanes", "nats_of_tokens"]
ready = Barrier(len(names))
def ask(name):
    ready.wait()
    return callable(getattr(rnncore.kernels, name))
with ThreadPoolExecutor(len(names)) as pool:
    print(all(pool.map(ask, names)), hasattr(rnncore.kernels, "no_such_thing"))
"""


def test_threads_that_ask_at_once_all_see_the_kernels_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-c", together], capture_output=True, text=True, check=False, timeout=120
    )
    assert ("True False\n", "") == (done.stdout, done.stderr)
