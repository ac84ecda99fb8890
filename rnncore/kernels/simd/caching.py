"""Where numba keeps the machine code of the kernels, so that each is compiled once on a machine."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import binding
from numba.core.caching import FunctionCache

from rnncore.kernels.simd.processor import config, features

compile_seconds = 10  # of processor time, of all kernels for one dtype
kernels = Path(__file__).parents[1]
logger = logging.getLogger("rnncore.kernels")


class KernelCache(FunctionCache):
    """The machine code of one kernel on disk; without it the kernel is compiled anew."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The machine code for a signature, or None; then numba compiles it next."""
        found = None
        try:
            found = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            if found and tuple(found.signature.args) != tuple(sig):
                found = None  # two processes wrote at once
                raise ValueError("it is of another signature")
        except Exception as error:  # a truncated file raises of all kinds
            logger.warning(
                "the machine code in %s is corrupt, and made anew: %s", self.cache_path, error
            )
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
        if found is None:
            say_that_it_compiles()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code that was compiled, where the disk allows."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except Exception as error:  # it reads the index too
            logger.warning("the machine code could not be kept in %s: %s", self.cache_path, error)


@cache  # once a process
def say_that_it_compiles() -> None:
    """Log how long the first kernel will take to answer."""
    message = "compiling the kernels for this processor, once: about %d seconds"
    logger.info(message, compile_seconds)


def cache_of(function: Callable[..., Any]) -> KernelCache | None:
    """The cache of a kernel; None if no folder can be written."""
    if (folder := cache_folder()) is None:
        return None
    configured = config.CACHE_DIR
    config.CACHE_DIR = str(folder)  # numba reads the setting while it makes a cache
    try:
        return KernelCache(function)  # type: ignore[no-untyped-call]
    finally:
        config.CACHE_DIR = configured


@cache
def cache_folder() -> Path | None:
    """Folder for machine code of exactly these sources and this kind of processor.

    It is in `NUMBA_CACHE_DIR` if that is set and can be written.
    numba checks only whether the kernel's own file has changed, not the files of the functions
    that it calls. It also fails on an old cache file when a type in a signature has changed.
    """
    folder = next(filter(is_writable, possible_folders()), None)
    if folder is None:
        logger.warning(
            "each process compiles the kernels: set NUMBA_CACHE_DIR to a folder for them"
        )
        return None
    if config.CACHE_DIR and folder != Path(config.CACHE_DIR):
        message = "NUMBA_CACHE_DIR, %s, cannot be written: compiled kernels are kept in %s"
        logger.warning(message, config.CACHE_DIR, folder)
    processor = f"{config.CPU_NAME or binding.get_host_cpu_name()} {sorted(features)}"
    sources = b"".join(file.read_bytes() for file in sorted(kernels.rglob("*.py")))
    return folder / f"kernels-{hashlib.sha256(processor.encode() + sources).hexdigest()[:16]}"


def possible_folders() -> Iterator[Path]:
    """Folders that may keep machine code, the best one first."""
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR)
    yield kernels / "__pycache__"
    with suppress(RuntimeError):  # a user without a home, as containers have
        yield Path.home() / ".cache" / "rnncore"


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it does not exist."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.W_OK | os.X_OK) and folder.is_dir()
