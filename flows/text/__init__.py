"""Text without files: characters and their numbers, bytes to text, blocks, held-out text."""

from flows.text.blocks import Blocks, BlockTable
from flows.text.chunks import chunks_of
from flows.text.decoding import Problems, to_utf8
from flows.text.encoding import Encoder
from flows.text.held_out import Division, Half, Split, SplitMethod, divide, half_of, split
from flows.text.kinds import check_is_text
from flows.text.scanning import ScannedFile, Scanner
from flows.text.vocabulary import TokenArray, Unit, Vocabulary

__all__ = [
    "BlockTable",
    "Blocks",
    "Division",
    "Encoder",
    "Half",
    "Problems",
    "ScannedFile",
    "Scanner",
    "Split",
    "SplitMethod",
    "TokenArray",
    "Unit",
    "Vocabulary",
    "check_is_text",
    "chunks_of",
    "divide",
    "half_of",
    "split",
    "to_utf8",
]
