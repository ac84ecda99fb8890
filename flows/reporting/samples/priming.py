"""Priming texts in the characters of a model, and the hidden state that samples start from."""

from __future__ import annotations

import unicodedata
from typing import Literal, NamedTuple

import numpy as np

from flows.exceptions import CorpusError, UnknownObject
from flows.parameters import SamplingOptions
from flows.text import Vocabulary
from flows.text.vocabulary import TokenArray
from rnncore import Tokens, TrainingState, next_input, read
from rnncore.parameters import FloatArray

to_full_width = {" ": "\u3000"} | {chr(point): chr(point + 0xFEE0) for point in range(0x21, 0x7F)}


class Start(NamedTuple):
    """What a sample starts from: the hidden state (H,) before the first token that it reads."""

    hidden: FloatArray
    token: int


def starts_of(
    state: TrainingState,
    vocabulary: Vocabulary,
    training: Tokens | None,
    options: SamplingOptions,
) -> list[Start]:
    """The start of the samples of each priming text; an empty one is the corpus's first character,
    or the next one of the training where its hidden state is asked for.
    """
    texts = encode_primings(vocabulary, options)
    start = Start(np.zeros_like(state.parameters.bh), 0)
    if training is None:
        if options.hidden_state == "training" or not all(map(len, texts)):
            raise UnknownObject(
                "the text that the model was trained on was removed, and samples start from it: set"
                " sampling.priming, and sampling.hidden_state to zeros"
            )
    elif options.hidden_state == "training":
        start = Start(*next_input(state, training))
    else:
        start = start._replace(token=int(training[0]))
    return [
        Start(read(state.parameters, tokens[:-1], start.hidden), int(tokens[-1]))
        if len(tokens)
        else start
        for tokens in texts
    ]


def encode_primings(vocabulary: Vocabulary, options: SamplingOptions) -> list[TokenArray]:
    """The tokens of each different priming text; `CorpusError` for one that cannot be read."""
    texts = tuple(dict.fromkeys(options.primings))
    names = ["priming text"]
    if len(texts) > 1:
        names = [f"priming text {n + 1} of {len(texts)}" for n in range(len(texts))]
    return [
        _encode(vocabulary, text, options.unknown, name)
        for text, name in zip(texts, names, strict=True)
    ]


def encode_stop(vocabulary: Vocabulary, options: SamplingOptions) -> TokenArray:
    """The tokens of the stop text; `CorpusError` for one that no sample can have."""
    return vocabulary.encode(options.stop or "", "stop text")


def _encode(
    vocabulary: Vocabulary, text: str, unknown: Literal["fail", "skip", "nearest"], name: str
) -> TokenArray:
    known = set(text) if vocabulary.unit == "byte" else set(vocabulary.characters)
    found = list(text)
    if unknown == "skip":
        found = [c for c in text if c in known]
    if unknown == "nearest":
        found = [c if c in known else _nearest(c, known) for c in text]
        if not all(found):  # the others keep their places, for the message
            some = vocabulary.characters[0]
            found = [some if near else c for c, near in zip(text, found, strict=True)]
    if text and not found:
        raise CorpusError(
            f"the {name} has no character that the model's vocabulary has: give another one, or"
            " none"
        )
    try:
        return vocabulary.encode("".join(found), name)
    except CorpusError as error:
        others = {"fail": "skip or nearest", "nearest": "skip"}[unknown]
        raise CorpusError(f"{error}; or set sampling.unknown to {others}") from None


def _nearest(character: str, known: set[str]) -> str:
    """What stands for a character that is not `known`; empty where nothing does."""
    usual = unicodedata.normalize("NFKC", character)
    parts = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    forms = (usual, base, *(form.swapcase() for form in (character, usual, base)))
    wide = (to_full_width.get(form, "") for form in (character, *forms))
    return next((form for form in (*forms, *wide) if form and set(form) <= known), "")
