"""Texts with planted lines that do not belong there, and how well scores find them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import numpy as np

from flows.parameters import ScoringOptions
from flows.reporting.scores.scorer import Scorer
from flows.storage.payload import Payload
from flows.text import Vocabulary
from flows.text.units import Part
from rnncore import Hyperparameters, TrainingState, train

bundled = Path(__file__).parents[2] / "data" / "corpus"
# Other languages in the letters of English, so that no unknown character tells them.
foreign = (
    "Der alte Mann ging langsam zum Hafen hinunter und sah den Schiffen nach.",
    "Wir haben gestern Abend noch lange am Fenster gesessen und geredet.",
    "Niemand wusste, warum das Licht in jener Nacht nicht brannte.",
    "Das Kind nahm die Lampe und stieg die Treppe hinauf.",
    "Vandaag is het weer mooi, maar morgen komt er storm uit het westen.",
    "De vuurtorenwachter sliep nooit voor middernacht.",
    "Zij liepen samen langs het strand en zeiden niets.",
    "Le gardien du phare ne dormait jamais avant minuit.",
    "Nous avons attendu le bateau pendant trois jours sans nouvelles.",
    "Il faisait froid et la mer montait lentement sur les rochers.",
    "Elle ouvrit la porte et regarda longtemps vers le large.",
    "La luz del faro se veia desde muy lejos aquella noche.",
    "Los pescadores volvieron tarde con las redes casi vacias.",
    "Nadie sabia cuando iba a terminar el invierno en la isla.",
    "Il vecchio guardiano accendeva la lampada ogni sera.",
    "Le barche tornarono al porto prima della tempesta.",
    "Majakka paloi koko talven eika kukaan sammuttanut sita.",
    "Vanha mies katsoi merelle ja odotti laivaa.",
    "Stary latarnik nigdy nie zasypiał przed switem".replace("ł", "l"),
    "Morze szumialo cicho pod oknami malego domu.",
)


class Found(NamedTuple):
    """How well the highest scores are the planted lines."""

    precision: float  # at k, as many as are planted
    rank: float  # median of the planted lines, from 1
    lines: int
    planted: int


def log_lines(count: int, random: Random) -> list[str]:
    """Lines of a log of a web service."""
    time = datetime(2026, 11, 26, tzinfo=UTC) + timedelta(seconds=random.randrange(10**6))
    found = []
    for _ in range(count):
        time += timedelta(seconds=random.randrange(1, 4000))  # so that there are many days
        place = random.choice(["users", "orders", "items", "login", "search"])
        status = random.choice([200, 200, 200, 200, 201, 304, 404, 500])
        level = "ERROR" if status == 500 else "WARN " if status == 404 else "INFO "
        found.append(
            f"{time:%Y-%m-%d %H:%M:%S} {level} worker-{random.randrange(8)}"
            f" {random.choice(['GET', 'POST'])} /api/{place}/{random.randrange(10_000)}"
            f" status={status} time={random.randrange(900)}ms"
        )
    return found


def broken(line: str, kind: int, random: Random) -> str:
    """A line that was cut, whose fields changed places, or whose letters did within a field."""
    if kind == 0:
        return line[: random.randrange(5, len(line) - 5)]
    fields = line.split()
    if kind == 1:
        while fields == line.split():
            random.shuffle(fields)
    else:
        at = random.randrange(3, len(fields))
        while fields[at] == line.split()[at]:
            fields[at] = "".join(random.sample(fields[at], len(fields[at])))
    return " ".join(fields)


def trained_on(text: str, *, epochs: int) -> Payload:
    """A small network, trained for some seconds."""
    vocabulary = Vocabulary.of_text(text)
    tokens = vocabulary.encode(text)
    options = Hyperparameters(hidden_size=64, seq_length=25, batch_size=16, learning_rate=0.03)
    state = TrainingState.initial(len(vocabulary), options, seed=0)
    train(state, tokens, epochs * len(tokens) // (25 * 16))
    return Payload(state, vocabulary)


def find(payload: Payload, lines: Sequence[str], planted: set[int]) -> Found:
    """Score lines of which some are planted; the highest scores first."""
    points = np.frombuffer("\n".join(lines).encode("utf-32-le"), np.uint32)
    parts = iter([Part(0, points, is_end=True)])
    scored = list(Scorer(payload, ScoringOptions()).scored(parts))
    numbers = np.concatenate([each.batch.numbers for each in scored]) - 1
    scores = np.concatenate([each.sums / each.counts for each in scored])
    order = numbers[np.argsort(-scores, kind="stable")].tolist()
    k = len(planted)
    return Found(
        precision=len(planted.intersection(order[:k])) / k,
        rank=median(order.index(number) + 1 for number in planted),
        lines=len(lines),
        planted=k,
    )


def in_log(payload: Payload, count: int, planted: int) -> Found:
    """Broken lines, a third of each kind, in a log that was not trained on."""
    random = Random(1)
    lines = log_lines(count, random)
    places = random.sample(range(count), planted)
    for number, place in enumerate(places):
        lines[place] = broken(lines[place], number % 3, random)
    return find(payload, lines, set(places))


def split_bundled() -> tuple[str, list[str]]:
    """The bundled texts: nine lines of ten to train on, and the others."""
    lines = [
        line for file in sorted(bundled.glob("*.txt")) for line in file.read_text().split("\n")
    ]
    unseen = [line for line in lines[9::10] if len(line) >= 20]
    return "\n".join(line for at, line in enumerate(lines) if at % 10 != 9), unseen


def in_english(payload: Payload, unseen: Sequence[str]) -> Found:
    """Lines in other languages among English ones that were not trained on."""
    lines = [*unseen, *foreign]
    Random(2).shuffle(lines)
    return find(payload, lines, {lines.index(line) for line in foreign})
