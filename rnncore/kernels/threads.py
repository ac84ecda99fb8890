"""Where the threads of a training run wait for each other between the phases of an iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numpy.typing import NDArray

from rnncore.kernels.compiling import Codegen, inlined, intrinsic
from rnncore.kernels.vector import address


@inlined
def meet(arrivals: NDArray[np.int64], expected: int) -> None:
    """Count this thread in; go on when `expected` have been counted since the run began.

    They meet thousands of times a second, so they look out for each other: to be put to sleep and
    woken up takes longer than most phases.
    """
    arrive(arrivals)
    while arrived(arrivals) < expected:
        offer_core()


@intrinsic
def arrive(_: Any, arrivals: Any) -> Codegen:
    """Add one to the counter; who sees that, sees all that this thread wrote before."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        counter = address(context, builder, sig.args[0], values[0], one.type(0))
        builder.atomic_rmw("add", counter, one, "acq_rel")
        return context.get_dummy_value()

    return types.none(arrivals), codegen


@intrinsic
def arrived(_: Any, arrivals: Any) -> Codegen:
    """The counter as it stands."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        whole = ir.IntType(64)
        counter = address(context, builder, sig.args[0], values[0], whole(0))
        return builder.load_atomic(counter, "acquire", 8, typ=whole)

    return types.int64(arrivals), codegen


@intrinsic
def offer_core(_: Any) -> Codegen:
    """Let another thread run if one waits for this core (POSIX `sched_yield`)."""

    def codegen(context: Any, builder: ir.IRBuilder, _: Any, __: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.none(), codegen
