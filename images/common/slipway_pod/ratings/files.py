"""Which files of ratings count, and what is wrong with the others?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from slipway.api.faults import first_fault
from slipway.api.ratings import RefusedRatings
from slipway.contract.ratings import MARKUP, RatingFile, Sheet
from slipway_pod.errors import shortened
from slipway_pod.visible import one_line

LARGEST = 1024 * 1024
_MARKUP = re.compile(MARKUP, re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A file of ratings, as `ConfigMap/entry`."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Accepted:
    """Ratings that count, and the file they stand in."""

    name: str
    ratings: RatingFile


@dataclass(frozen=True)
class Sorted:
    """All files of a sheet."""

    accepted: tuple[Accepted, ...]
    refused: tuple[RefusedRatings, ...]


class _Wrong(Exception):
    """The file does not count; the message says why."""


def found(folder: Path, config_maps: Iterable[str]) -> Iterator[Found]:
    """Yield the entries of `config_maps` that are mounted below `folder`, in the order of their names.

    One that was deleted since is an empty folder: that it is gone will be heard, and counted without it.
    """
    for name in sorted(config_maps):
        # The kubelet keeps its own folders beside the entries; they begin with two dots.
        entries = sorted(p for p in (folder / name).glob("*") if not p.name.startswith("..") and p.is_file())
        for path in entries:
            with path.open("rb") as opened:
                yield Found(f"{name}/{path.name}", opened.read(LARGEST + 1))


def sort(files: Iterable[Found], sheet: Sheet) -> Sorted:
    """Return which of `files` count for `sheet`. Of a rater with two files neither does: people say which one holds."""
    accepted: list[Accepted] = []
    refused: list[RefusedRatings] = []
    for file in files:
        try:
            accepted.append(Accepted(file.name, _read(file, sheet)))
        except _Wrong as error:
            refused.append(_refused(file.name, str(error)))
    by_rater: dict[str, list[str]] = {}
    for one in accepted:
        by_rater.setdefault(_person(one), []).append(one.name)
    twice = [one for one in accepted if len(by_rater[_person(one)]) > 1]
    for one in twice:
        names = ", ".join(by_rater[_person(one)])
        said = f"rater {one.ratings.rater} has {len(by_rater[_person(one)])} files ({names}): keep the one that holds"
        refused.append(_refused(one.name, said))
    single = tuple(one for one in accepted if one not in twice)
    return Sorted(single, tuple(sorted(refused, key=lambda one: one.file)))


def _read(file: Found, sheet: Sheet) -> RatingFile:
    if len(file.content) > LARGEST:
        raise _Wrong("it has more than 1 MiB, which no file of ratings has: put the file here that the sheet saved")
    try:
        ratings = RatingFile.model_validate_json(file.content)
    except ValidationError as error:
        raise _Wrong(f"{first_fault(error)}: put the file here as the sheet saved it") from error
    if ratings.sheet != sheet.digest:
        raise _Wrong(
            f"it is of another sheet ({ratings.sheet[:19]}…), this one is {sheet.digest[:19]}…: rate {sheet.uri}"
        )
    items = [rating.item for rating in ratings.ratings]
    if unknown := [item for item in items if item > sheet.pairs]:
        raise _Wrong(f"it rates pair {unknown[0]}, and the sheet has {sheet.pairs}: put the file here as it was saved")
    if twice := [item for item in items if items.count(item) > 1]:
        raise _Wrong(f"it rates pair {twice[0]} more than once: put the file here as it was saved")
    for rating in ratings.ratings:
        if match := _MARKUP.search(rating.comment):
            raise _Wrong(f"the comment on pair {rating.item} has markup ({match[0]!r}): comments are plain text")
    return ratings


def _person(one: Accepted) -> str:
    """Return who rated, however they write themselves this time."""
    return " ".join(unicodedata.normalize("NFKC", one.ratings.rater).split()).casefold()


def _refused(name: str, said: str) -> RefusedRatings:
    # What is wrong may be the name of a field, and that is whatever somebody wrote.
    return RefusedRatings(file=shortened(name, 320), message=one_line(said, 300))
