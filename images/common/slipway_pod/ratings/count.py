"""What do the ratings that are there say, and are they enough?"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slipway.api.base import significant
from slipway.api.modelversion import MetricResult
from slipway.api.preference import MOST_RATERS
from slipway.api.ratings import MOST_REFUSED, Preference, RatedBy
from slipway.contract.job import CountRatings
from slipway.contract.ratings import RATINGS_FOLDER, SideKey
from slipway.contract.result import Counted, encode
from slipway_pod.errors import BadConfig, shortened
from slipway_pod.ratings.bounds import share_bound
from slipway_pod.ratings.files import Sorted, found, sort
from slipway_pod.ratings.tally import RatedPair, preference, uncovered
from slipway_pod.store import open_uri

log = logging.getLogger("slipway")

REPORT = "ratings.jsonl"


def count(job: CountRatings) -> Counted:
    """Count the ratings of `job`'s sheet. There is a figure once there are as many raters and pairs as it asks for.

    That depends on how many have rated, never on what they said; so looking again at each new file gives luck no second
    chance. `SLIPWAY_RATINGS` moves the folder of the files.
    """
    key = side_key(job)
    folder = Path(os.environ.get("SLIPWAY_RATINGS", RATINGS_FOLDER))
    files = sort(found(folder, (name.partition("@")[0] for name in job.config_maps)), job.sheet)
    for one in files.refused:
        log.warning("%s does not count: %s", one.file, one.message)
    rated = uncovered(key.pairs, (one.ratings for one in files.accepted))
    log.info("%d raters, %d of %d pairs rated", len(files.accepted), len(rated), job.sheet.pairs)
    counted = _counts(files, rated)
    if counted.raters < job.metric.raters or counted.rated < job.metric.min_rated:
        return fitting(counted)
    said = preference(rated)
    metric, bounds = figure(job.sheet.metric, said, len(rated), job.confidences)
    update = {"preference": said, "metric": metric, "lower_bounds": bounds, "report": _report(job, said, rated)}
    return fitting(counted.model_copy(update=update))


def figure(
    name: str, said: Preference, rated: int, confidences: Iterable[int]
) -> tuple[MetricResult | None, dict[str, str]]:
    """Return the version's share of all preferences beside the reference's, and bounds of the difference.

    Where one has share s the other has 1 - s: the bound of the difference is twice the bound of s, less 1.
    """
    decided = said.better + said.worse
    if not decided:
        return None, {}
    share = said.better / decided
    bounds = {
        str(confidence): significant(2 * share_bound(said.better, said.worse, confidence) - 1)
        for confidence in sorted(set(confidences))
    }
    metric = MetricResult(
        name=name,
        value=significant(share),
        samples=rated,
        reference=significant(1 - share),
        improvement=significant(2 * share - 1),
    )
    return metric, bounds


def side_key(job: CountRatings) -> SideKey:
    """Return whose answer is on which side of `job`'s sheet; raise BadConfig where the key is another sheet's."""
    bucket, at = open_uri(job.store, job.sheet.key)
    key = bucket.kept(at, SideKey)
    if key is None or key.sheet != job.sheet.digest or len(key.pairs) != job.sheet.pairs:
        raise BadConfig(
            "SheetKeyMissing",
            f"{job.sheet.key} is not there, or not the key of sheet {job.sheet.digest[:19]}…: restore it, or let a new "
            "ModelVersion of the same artefact be rated",
        )
    return key


def fitting(counted: Counted) -> Counted:
    """Return `counted` with as many files named as a termination message takes; their numbers stay."""
    while True:
        try:
            encode(counted)
        except ValueError:
            if counted.refused:
                counted = counted.model_copy(update={"refused": counted.refused[:-1]})
            elif counted.accepted:
                counted = counted.model_copy(update={"accepted": counted.accepted[:-1]})
            else:
                raise
            continue
        return counted


def _counts(files: Sorted, rated: tuple[RatedPair, ...]) -> Counted:
    accepted = (
        RatedBy(rater=one.ratings.rater, file=shortened(one.name, 320), rated=len(one.ratings.ratings))
        for one in files.accepted
    )
    return Counted(
        rated=len(rated),
        raters=len(files.accepted),
        accepted=tuple(accepted)[:MOST_RATERS],
        refused=files.refused[:MOST_REFUSED],
        refusals=len(files.refused),
    )


def _report(job: CountRatings, said: Preference, rated: Iterable[RatedPair]) -> str:
    """Write every pair uncovered beside the sheet, and return the address."""
    bucket, key = open_uri(job.store, job.sheet.uri)
    path = f"{key.rpartition('/')[0]}/{REPORT}"
    lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in _lines(job, said, rated))
    bucket.put(path, "".join(lines).encode(errors="replace"))
    return bucket.uri(path)


def _lines(job: CountRatings, said: Preference, rated: Iterable[RatedPair]) -> Iterator[dict[str, Any]]:
    yield {"metric": job.sheet.metric, "sheet": job.sheet.digest, "preference": said.dump()}
    for one in rated:
        votes = [{"rater": vote.rater, "said": vote.said, "comment": vote.comment} for vote in one.votes]
        sides = {"item": one.item, "id": one.pair.id, "group": one.pair.group, "version": one.pair.version}
        yield {**sides, "outcome": one.outcome, "votes": votes}
