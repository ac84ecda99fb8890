"""What a network takes, found out by arithmetic alone: bytes of memory, and operations."""

from __future__ import annotations

import os

from rnncore.parameters import Hyperparameters

# As in the kernels, which are not imported for this; tests compare with what they allocate.
most_padding = 32  # floats of a row: up to two vectors of 16
rows_at_once = 288  # characters of a window that is read
strip_bytes = 2**18, 16  # of gradients at a time, or so many rows
element_operations = 30  # of Adagrad, for a weight and an iteration
character_operations = 10_000  # of a character, whatever the network


def weight_count(vocabulary_size: int, hidden_size: int) -> int:
    """Weights and biases of a network with H hidden units over V characters."""
    return hidden_size * (2 * vocabulary_size + hidden_size + 1) + vocabulary_size


def state_bytes(vocabulary_size: int, options: Hyperparameters, shards: int = 1) -> int:
    """Bytes of a `TrainingState`, which are also those of a checkpoint, but for its header.

    With `shards` at the end of a round, with the momentum of the outer step.
    """
    H, B = options.hidden_size, options.batch_size
    parts = 2 if shards == 1 else 3
    weights = parts * weight_count(vocabulary_size, H)
    return options.float_type.itemsize * (weights + shards * B * H)


def rounds_bytes(vocabulary_size: int, options: Hyperparameters, shards: int, workers: int) -> int:
    """Most memory that a round takes here: a state of each shard, as many in training as workers,
    and means in 64 bits.
    """
    weights = weight_count(vocabulary_size, options.hidden_size)
    states = shards * state_bytes(vocabulary_size, options)
    training = min(shards, workers) * training_bytes(vocabulary_size, options)
    return states + training + 4 * 8 * weights


def initial_bytes(vocabulary_size: int, options: Hyperparameters) -> int:
    """Most memory that `TrainingState.initial` takes: weights are drawn in float64."""
    largest = options.hidden_size * max(options.hidden_size, vocabulary_size)
    return state_bytes(vocabulary_size, options) + 2 * 8 * largest


def training_bytes(vocabulary_size: int, options: Hyperparameters) -> int:
    """Most memory that `train` takes, with the state that it advances."""
    T, B = options.seq_length, options.batch_size
    Hp, Vp = options.hidden_size + most_padding, vocabulary_size + most_padding
    characters = (T + 1) * B
    floats = 2 * weight_count(Vp, Hp)  # weights and sums of squares
    floats += Hp * (2 * Vp + Hp)  # gradients of Wxh, transposed copies
    floats += characters * (2 * Hp + Vp) + B * Hp  # activations
    size, (room, rows) = options.float_type.itemsize, strip_bytes
    strips = (os.cpu_count() or 1) * max(room, rows * Hp * size, Vp * size)
    integers = 8 * (2 * characters + Vp)
    return state_bytes(vocabulary_size, options) + size * floats + strips + integers


def reading_bytes(vocabulary_size: int, options: Hyperparameters) -> int:
    """Most memory that evaluating a text, or sampling up to 256 texts, takes besides the texts."""
    Hp, Vp = options.hidden_size + most_padding, vocabulary_size + most_padding
    windows = (os.cpu_count() or 1) * rows_at_once * (2 * Hp + Vp)
    floats = weight_count(Vp, Hp) + Hp * (Hp + Vp) + windows
    return state_bytes(vocabulary_size, options) + options.float_type.itemsize * floats


def reading_operations(vocabulary_size: int, hidden_size: int) -> int:
    """Operations for a character that is read or sampled."""
    return 2 * hidden_size * (hidden_size + vocabulary_size) + character_operations


def training_operations(vocabulary_size: int, options: Hyperparameters) -> int:
    """Operations of an iteration."""
    H = options.hidden_size
    character = 6 * H * (H + vocabulary_size) + character_operations
    update = element_operations * weight_count(vocabulary_size, H)
    return options.seq_length * options.batch_size * character + update
