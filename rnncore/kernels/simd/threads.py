"""Threads: how many there are, and a barrier at which they wait for each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numpy.typing import NDArray

from rnncore.kernels.simd.compiling import Codegen, inlined, intrinsic
from rnncore.kernels.simd.processor import config
from rnncore.kernels.simd.vector import emit_pointer

work_worth_threads = 3e7  # floating-point operations: a third of a millisecond on one core


def threads_for(operations: float) -> int:
    """As many as numba would use, if there is enough to do: the cores, or `NUMBA_NUM_THREADS`."""
    return int(config.NUMBA_NUM_THREADS) if operations > work_worth_threads else 1


@inlined
def barrier(arrivals: NDArray[np.int64], expected: int) -> None:
    """Count this thread, then wait until the counter is at least `expected`.

    `arrivals` (1,) counts from the start of the run and is never reset: the k-th barrier of W
    threads expects k × W. The threads wait in a loop: putting them to sleep and waking them takes
    longer than most phases of an iteration.
    """
    increment(arrivals)
    while counted(arrivals) < expected:
        yield_core()


@intrinsic
def increment(_: Any, counter: Any) -> Codegen:
    """Add one; a thread that reads the new value also sees all earlier stores of this thread."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        pointer = emit_pointer(context, builder, sig.args[0], values[0], one.type(0))
        builder.atomic_rmw("add", pointer, one, "acq_rel")
        return context.get_dummy_value()

    return types.none(counter), codegen


@intrinsic
def counted(_: Any, counter: Any) -> Codegen:
    """The present value of the counter."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        integer = ir.IntType(64)
        pointer = emit_pointer(context, builder, sig.args[0], values[0], integer(0))
        return builder.load_atomic(pointer, "acquire", 8, typ=integer)

    return types.int64(counter), codegen


@intrinsic
def yield_core(_: Any) -> Codegen:
    """Let another thread run if one waits for this core (POSIX `sched_yield`)."""

    def codegen(context: Any, builder: ir.IRBuilder, _: Any, __: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.none(), codegen
