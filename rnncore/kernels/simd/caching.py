"""Where numba keeps the machine code of the kernels, so that each is compiled once on a machine."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator

from rnncore.folders import cache_folders, first_writable
from rnncore.kernels.simd.processor import config, features, target_processor

compile_seconds = 10  # of processor time, of all kernels for one dtype
kernels = Path(__file__).parents[1]
logger = logging.getLogger("rnncore.kernels")


class KernelLocator(InTreeCacheLocator):
    """Where numba puts the files of a kernel: in `cache_folder()`, not beside its source."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[no-untyped-call]
        self._cache_path = str(cache_folder())


class KernelFiles(CompileResultCacheImpl):
    """How numba writes machine code to files, without its own choice of folders."""

    _locator_classes = [KernelLocator]  # noqa: RUF012 - as in the base class


class KernelCache(FunctionCache):
    """The machine code of one kernel on disk; without it the kernel is compiled anew."""

    _impl_class = KernelFiles

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


@cache
def cache_of(function: Callable[..., Any]) -> KernelCache | None:
    """The cache of a kernel; None if no folder can be written."""
    if cache_folder() is None:
        return None
    try:
        return KernelCache(function)  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:  # the folder is gone, or numba is set up otherwise
        logger.warning("each process compiles %s: %s", function.__name__, error)
        return None


@cache  # once a process, at the first call of a kernel
def cache_folder() -> Path | None:
    """Folder for machine code of exactly these sources and this kind of processor.

    numba checks only whether the kernel's own file has changed, not the files of the functions
    that it calls. It also fails on an old cache file when a type in a signature has changed.
    """
    processor = f"{target_processor()} {sorted(features)}"
    sources = b"".join(file.read_bytes() for file in sorted(kernels.rglob("*.py")))
    name = f"kernels-{hashlib.sha256(processor.encode() + sources).hexdigest()[:16]}"
    folder = first_writable(folder / name for folder in possible_folders())
    if folder is None:
        logger.warning(
            "each process compiles the kernels: set NUMBA_CACHE_DIR to a folder for them"
        )
    elif config.CACHE_DIR and folder.parent != configured_folder():
        message = "NUMBA_CACHE_DIR, %s, cannot be written: compiled kernels are kept in %s"
        logger.warning(message, config.CACHE_DIR, folder.parent)
    return folder


def possible_folders() -> Iterator[Path]:
    """Folders that may keep machine code, the best one first. numba reads it through pickle."""
    if config.CACHE_DIR:
        yield configured_folder()
    yield kernels / "__pycache__"
    yield from cache_folders("rnncore")


def configured_folder() -> Path:
    """The folder that `NUMBA_CACHE_DIR` names."""
    return Path(config.CACHE_DIR).absolute()
