"""What did the raters of a sheet say, all together?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from slipway.api.base import significant
from slipway.api.ratings import Agreement, Preference
from slipway.contract.ratings import Choice, KeyedPair, RatingFile
from slipway_pod.ratings.bounds import sign_test

Said = Literal["Version", "Reference", "Tie", "BothBad"]
"""A choice, its sides uncovered."""
Outcome = Literal["Better", "Worse", "Undecided"]


@dataclass(frozen=True)
class Vote:
    """What one person said of one pair."""

    rater: str
    said: Said
    comment: str = ""


@dataclass(frozen=True)
class RatedPair:
    """A pair that somebody rated."""

    item: int
    pair: KeyedPair
    votes: tuple[Vote, ...]

    @property
    def outcome(self) -> Outcome:
        """What more than half of its raters said: several ratings of one pair are one piece of evidence."""
        found = Counter(vote.said for vote in self.votes)
        if found["Version"] * 2 > len(self.votes):
            return "Better"
        return "Worse" if found["Reference"] * 2 > len(self.votes) else "Undecided"

    @property
    def both_bad(self) -> bool:
        """Whether more than half of its raters called both answers bad."""
        return sum(vote.said == "BothBad" for vote in self.votes) * 2 > len(self.votes)


def uncovered(pairs: Sequence[KeyedPair], files: Iterable[RatingFile]) -> tuple[RatedPair, ...]:
    """Return the pairs of a sheet that `files` rate, in the order of the sheet, with what was said of the models."""
    votes: dict[int, list[Vote]] = {}
    for file in files:
        for rating in file.ratings:
            said = _uncovered(rating.choice, pairs[rating.item - 1])
            votes.setdefault(rating.item, []).append(Vote(file.rater, said, rating.comment))
    return tuple(RatedPair(item, pairs[item - 1], tuple(votes[item])) for item in sorted(votes))


def preference(rated: Sequence[RatedPair]) -> Preference:
    """Return what the raters preferred, pair by pair."""
    found = Counter(pair.outcome for pair in rated)
    return Preference(
        better=found["Better"],
        worse=found["Worse"],
        undecided=found["Undecided"],
        both_bad=sum(pair.both_bad for pair in rated),
        p_value=significant(sign_test(found["Better"], found["Worse"])),
        agreement=agreement(rated),
    )


def agreement(rated: Iterable[RatedPair]) -> Agreement | None:
    """Return how far raters of the same pairs agree on which answer is better, if either; None where nobody could.

    Alpha is Krippendorff's for nominal data, which takes pairs with unequal numbers of raters (Content Analysis, 2004,
    ch. 11.3): 1 - (n - 1) * disagreement observed / disagreement by chance, over all ratings of pairs with two or more.
    """
    several = [pair for pair in rated if len(pair.votes) > 1]
    if not several:
        return None
    agreeing, possible, observed = 0, 0, 0.0
    totals: Counter[str] = Counter()
    for pair in several:
        counts = Counter(_preferred(vote.said) for vote in pair.votes)
        number = len(pair.votes)
        same = sum(count * (count - 1) for count in counts.values())
        agreeing, possible = agreeing + same, possible + number * (number - 1)
        observed += (number * (number - 1) - same) / (number - 1)
        totals += counts
    whole = sum(totals.values())
    by_chance = whole * whole - sum(count * count for count in totals.values())
    alpha = significant(1 - (whole - 1) * observed / by_chance) if by_chance else None
    return Agreement(percent=round(100 * agreeing / possible), alpha=alpha)


def _preferred(said: Said) -> str:
    return said if said in ("Version", "Reference") else "Neither"


def _uncovered(choice: Choice, pair: KeyedPair) -> Said:
    if choice in ("Tie", "BothBad"):
        return choice
    return "Version" if choice == pair.version else "Reference"
