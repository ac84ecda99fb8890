"""The network as compiled kernels: train, read and sample, as fast as the processor allows.

`training` and `inference` are what Python calls. `passes` and `update` are the phases of an
iteration, `loop` trains, `forward` reads, `drawing` and `likeliest` sample, `workspace` holds the
arrays. `simd` is the vocabulary that all of them are written in.
"""

from rnncore.kernels.inference import draw, nats_of_tokens, nats_of_units, read
from rnncore.kernels.simd.widths import fastest_lanes, first_lanes, least_lanes, most_lanes
from rnncore.kernels.training import train

__all__ = [
    "draw",
    "fastest_lanes",
    "first_lanes",
    "least_lanes",
    "most_lanes",
    "nats_of_tokens",
    "nats_of_units",
    "read",
    "train",
]
