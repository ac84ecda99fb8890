"""Text without files: characters and their numbers, bytes to text, held-out blocks."""

from flows.text.decoding import decode
from flows.text.held_out import Split, SplitMethod, split_text
from flows.text.vocabulary import TokenArray, Vocabulary

__all__ = ["Split", "SplitMethod", "TokenArray", "Vocabulary", "decode", "split_text"]
