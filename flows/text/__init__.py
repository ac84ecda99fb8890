"""Text without files: characters and their numbers, bytes to text, blocks, held-out text."""

from flows.text.blocks import Blocks
from flows.text.decoding import decode
from flows.text.held_out import Division, Split, SplitMethod, divide, split
from flows.text.vocabulary import TokenArray, Vocabulary

__all__ = [
    "Blocks",
    "Division",
    "Split",
    "SplitMethod",
    "TokenArray",
    "Vocabulary",
    "decode",
    "divide",
    "split",
]
