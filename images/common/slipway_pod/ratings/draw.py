"""Which pairs come onto a sheet, in which order, and whose answer on which side?"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from slipway.contract.artifact import digest_of
from slipway.contract.ratings import KeyedPair, Side, SideKey
from slipway_pod.visible import visible

LONGEST_QUESTION = 20_000
LONGEST_ANSWER = 40_000
"""Characters that are shown of one text. 8192 tokens of code are about 25,000."""

Turns = tuple[tuple[str, str], ...]
"""(role, text) in order."""


@dataclass(frozen=True)
class Answered:
    """A row of the test split, and what both models answered to it."""

    id: str
    group: str
    question: Turns
    version: str
    reference: str


@dataclass(frozen=True)
class Shown:
    """A pair as a rater sees it. Nothing in it knows whose answer is whose."""

    question: Turns
    left: str
    right: str


@dataclass(frozen=True)
class Drawn:
    """What goes onto a sheet, and the key to it, which does not."""

    shown: tuple[Shown, ...]
    key: SideKey

    @property
    def digest(self) -> str:
        """The digest of the sheet, by which ratings say what they are of."""
        return self.key.sheet


def telling(answered: Iterable[Answered]) -> tuple[Answered, ...]:
    """Return the pairs that a rater can say something about: those whose answers differ as they are shown."""
    return tuple(one for one in answered if _shown(one.version) != _shown(one.reference))


def draw(answered: Sequence[Answered], lot: str) -> Drawn:
    """Return `answered` in random order and on random sides; each model is left as often as the other, or once more.

    The same `lot` (a text) draws the same. It is a secret of its own for each sheet: who knows one key knows one sheet.
    """
    chance = random.Random(lot)
    order = list(answered)
    chance.shuffle(order)
    first: Side = chance.choice(("Left", "Right"))
    sides: list[Side] = [first if at % 2 == 0 else other(first) for at in range(len(order))]
    chance.shuffle(sides)
    shown = tuple(_side_by_side(one, side) for one, side in zip(order, sides, strict=True))
    digest = digest_of({"lot": digest_of(lot), "pairs": [asdict(one) for one in shown]})
    pairs = tuple(KeyedPair(id=one.id, group=one.group, version=side) for one, side in zip(order, sides, strict=True))
    return Drawn(shown, SideKey(sheet=digest, lot=lot, pairs=pairs))


def other(side: Side) -> Side:
    """Return the opposite side."""
    return "Right" if side == "Left" else "Left"


def _side_by_side(one: Answered, side: Side) -> Shown:
    question = tuple((role, visible(text, LONGEST_QUESTION, LONGEST_QUESTION)) for role, text in one.question)
    version, reference = _shown(one.version), _shown(one.reference)
    return Shown(question, *((version, reference) if side == "Left" else (reference, version)))


def _shown(answer: str) -> str:
    return visible(answer.strip("\n").rstrip(), LONGEST_ANSWER, LONGEST_ANSWER)
