"""Text without files: characters and their numbers, bytes to text, blocks, held-out text."""

from flows.text.blocks import Blocks
from flows.text.decoding import Problems, decode, to_utf8
from flows.text.held_out import Division, Split, SplitMethod, divide, split
from flows.text.kinds import check_is_text
from flows.text.vocabulary import TokenArray, Vocabulary

__all__ = [
    "Blocks",
    "Division",
    "Problems",
    "Split",
    "SplitMethod",
    "TokenArray",
    "Vocabulary",
    "check_is_text",
    "decode",
    "divide",
    "split",
    "to_utf8",
]
