"""Which texts are duplicates in truth, and how far is a choice from it?

All pairs of texts whose shingles are as similar as the plan says, found exactly and not by MinHash: two sets of
Jaccard similarity t share one of the ceil((1 - t) n) + 1 rarest members of either (prefix filtering: Chaudhuri,
Ganti, Kaushik 2006). Who keeps one of each such pair, and nothing else is left out, has done all right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.preparing.kept import texts
from bench.preparing.plan import Plan
from bench.preparing.slipway_side import job
from bench.preparing.text import rows
from slipway_data.alone import Alone, Work
from slipway_data.dedupe import common
from slipway_data.rows import Completion, Row
from slipway_data.sketch import hashed
from slipway_data.word_hashes import Hashes

Pairs = Mapping[str, Set[str]]
"""By the id of a text, those of all texts that it is like."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a choice, counted in different texts."""

    texts: int
    """There were to choose from."""
    lost: int
    """Left out, though nothing like them was kept; of several that are alike, one counts."""
    left: int
    """Kept, though one before them that is like them was kept too."""

    @property
    def percent(self) -> float:
        """Of all texts, those with which the right thing was done."""
        return 100 * (1 - (self.lost + self.left) / self.texts)


def verdicts(plan: Plan, folder: Path, *choices: Set[str]) -> tuple[Verdict, ...]:
    """Judge choices (ids of the rows kept) among the different texts in `folder` that pass the filter of `plan`."""
    first: dict[bytes, str] = {}  # of equal texts, it makes no difference which one is kept
    by_id = texts(folder)
    for id, digest in by_id.items():
        first.setdefault(digest, id)
    shingles = dict(_shingles(plan, folder, set(first.values())))
    alike = pairs(shingles, plan.similarity_percent)
    return tuple(verdict(alike, list(shingles), {first[by_id[id]] for id in ids}) for ids in choices)


def _shingles(plan: Plan, folder: Path, ids: Set[str]) -> Iterator[tuple[str, Hashes]]:
    """Yield the shingles of each of the rows `ids` as the steps before deduplication leave it, where they leave it."""
    alone = Alone(Work(Work.of(job(plan, folder).steps).steps))
    for id, text in rows(folder):
        if id in ids and isinstance(row := alone(Row(id, "", Completion("", text))).item, Row):
            yield id, hashed(row.content.text)


def pairs(shingles: Mapping[str, Hashes], percent: int) -> Pairs:
    """Return all texts that are alike, `percent` or more, by their shingles: each once, in order."""
    ids, sets = list(shingles), list(shingles.values())
    found: dict[str, set[str]] = {}
    for one, other in sorted(set(_candidates(sets, percent))):
        small, large = sorted((len(sets[one]), len(sets[other])))
        if small * 100 < percent * large:
            continue
        shared = common(sets[one], sets[other])
        if shared * 100 >= percent * (small + large - shared):
            found.setdefault(ids[one], set()).add(ids[other])
            found.setdefault(ids[other], set()).add(ids[one])
    return found


def verdict(alike: Pairs, order: Sequence[str], kept: Set[str]) -> Verdict:
    """Judge a choice of which `kept` are the texts, of those in `order`."""
    there, before = set(kept), set[str]()
    lost = left = 0
    for id in order:
        others = alike.get(id, set())
        if id in kept:
            left += bool(others & before)
            before.add(id)
        elif not others & there:
            lost += 1
            there.add(id)
    return Verdict(len(order), lost, left)


def _candidates(sets: Sequence[Hashes], percent: int) -> Iterator[tuple[int, int]]:
    """Yield the places of every two sets that share one of the members by which similar ones are found."""
    members, counts = np.unique(np.concatenate(sets), return_counts=True)
    rare = [_rarest(numbers, counts[np.searchsorted(members, numbers)], percent) for numbers in sets]
    owners = np.repeat(np.arange(len(sets)), [len(numbers) for numbers in rare])
    every = np.concatenate(rare)
    order = np.lexsort((owners, every))
    borders = np.flatnonzero(np.diff(every[order])) + 1
    for group in np.split(owners[order], borders):
        if len(group) > 1:
            yield from combinations(group.tolist(), 2)


def _rarest(numbers: Hashes, counts: npt.NDArray[np.int64], percent: int) -> Hashes:
    needed = len(numbers) - -(-len(numbers) * percent // 100) + 1
    return numbers[np.lexsort((numbers, counts))[:needed]]
