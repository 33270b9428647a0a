"""What is to be done while people rate a version's answers?

Their files lie in ConfigMaps of the version's namespace, with a label that names it. These are listed now and then, and
whenever they are others than before, a Job counts what is in them. It uncovers the sides only once there are enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from slipway.api.conditions import STALLED, is_true, timestamp
from slipway.api.preference import HumanPreference
from slipway.api.ratings import Ratings
from slipway.attempt import Again, Done, Going, Hopeless, Terms, number, outcome
from slipway.contract.ratings import MOST_CONFIG_MAPS, RATINGS_LABEL, Sheet
from slipway.contract.result import Counted
from slipway.jobs import Run
from slipway.model.counting import mark_of
from slipway.model.objects import Version
from slipway.names import COUNTED_LABEL
from slipway.plan import Answer, Ask, Facts, RatingFiles

AWAITING_RATINGS: Final = "AwaitingRatings"
COUNTING: Final = "CountingRatings"
ASK_SECONDS: Final = 30
TERMS: Final = Terms(
    result=Counted,
    doing="counting the ratings",
    failed="CountingFailed",
    timed_out="CountingTimedOut",
    more_time="delete the Job to try again",
    more_memory="put fewer files into the ConfigMaps",
    more_storage="put fewer files into the ConfigMaps",
)


@dataclass(frozen=True)
class Files:
    """The ConfigMaps that were found, as `name@resourceVersion`, sorted; or why none could be listed."""

    found: tuple[str, ...] = ()
    error: str = ""

    @property
    def counted(self) -> tuple[str, ...]:
        """Those that are looked into."""
        return self.found[:MOST_CONFIG_MAPS]

    @property
    def mark(self) -> str:
        """A short name for exactly these."""
        return mark_of(self.counted)


@dataclass(frozen=True)
class Waits:
    """Nothing to do but wait: for people, or for a Job that counts."""

    said: str
    ratings: Ratings
    reason: str = AWAITING_RATINGS
    stalled: bool = False
    look: timedelta | None = None


@dataclass(frozen=True)
class Count:
    """A Job is to count `config_maps`."""

    config_maps: tuple[str, ...]
    attempt: int


@dataclass(frozen=True)
class Enough:
    """Enough have rated: this is what they said."""

    counted: Counted
    ratings: Ratings


@dataclass(frozen=True)
class AsBefore:
    """Status says it all. Where counting failed for good, its pods may be gone by now, and with them the reason."""


def sheet_of(sheet: Sheet) -> Ratings:
    """Return what status says of a sheet that nobody has rated."""
    return Ratings(metric=sheet.metric, sheet=sheet.uri, key=sheet.key, digest=sheet.digest, pairs=sheet.pairs)


def question(version: Version, facts: Facts, now: datetime) -> tuple[tuple[Ask, ...], Files | None, timedelta]:
    """Return what to ask, what was heard last (None: nothing yet), and when to ask again."""
    asked = RatingFiles(version.root.namespace, version.root.name)
    present = f"ratings/{int(now.timestamp()) // ASK_SECONDS}"
    known = {name: answer for name, answer in facts.answers.items() if name.startswith("ratings/")}
    # The last answer holds until there is a newer one.
    last = present if present in known else max(known, key=lambda name: known[name].at, default=None)
    asks = tuple(Ask(name, asked) for name in dict.fromkeys((present, last)) if name is not None)
    look = timedelta(seconds=ASK_SECONDS - now.timestamp() % ASK_SECONDS)
    return asks, _files(known[last]) if last is not None else None, look


def metric_of(version: Version, ratings: Ratings) -> HumanPreference:
    """Return what the spec asks of the people who rate."""
    metrics = version.spec.evaluation.metrics if version.spec.evaluation is not None else ()
    found = (one.measure.human_preference for one in metrics if one.name == ratings.metric)
    return next((one for one in found if one is not None), HumanPreference())


def awaiting(
    version: Version, ratings: Ratings, files: Files | None, count: Run | None, now: datetime
) -> Waits | Count | Enough | AsBefore:
    """Return what follows from the files that are there and from how far counting them is. Total."""
    if files is None:
        return AsBefore()
    if files.error:
        return Waits(f"{wanted(version, ratings)}. {files.error}", ratings)
    if not files.found:
        return Waits(wanted(version, none := _nobody(ratings)), none)
    if files.mark == ratings.counted:
        return Waits(wanted(version, ratings, len(files.found)), ratings)
    if count is None or count.labels.get(COUNTED_LABEL) != files.mark:
        return Count(files.counted, 1)
    return _after(count, version, ratings, files, now)


def _after(
    count: Run, version: Version, ratings: Ratings, files: Files, now: datetime
) -> Waits | Count | Enough | AsBefore:
    """Return what follows from how far `count` is."""
    match outcome(count, TERMS, now):
        case Going(_, said, look, _):
            return Waits(f"counting the ratings: {said}".rstrip(": "), ratings, COUNTING, look=look)
        case Again(at, _, said):
            said = f"counting the ratings: {said}; trying again at {timestamp(at)}"
            later = Waits(said, ratings, COUNTING, look=at - now)
            return later if at > now else Count(files.counted, number(count) + 1)
        case Hopeless() if is_true(version.status.conditions, STALLED):
            return AsBefore()
        case Hopeless(reason, said, _):
            said = f"the ratings cannot be counted: {said.rstrip('.')}. Delete Job {count.name} to try again"
            return Waits(said, ratings, reason, stalled=True)
        case Done(counted):
            heard = _heard(ratings, counted, files.mark)
            if counted.preference is not None:
                return Enough(counted, heard)
            return Waits(wanted(version, heard, len(files.found)), heard)


def wanted(version: Version, ratings: Ratings, config_maps: int = 0) -> str:
    """Return where the sheet is, what to do with it, and how far that is."""
    asked = metric_of(version, ratings)
    said = (
        f"people are to rate {ratings.sheet}: open it in a browser, and put each file that it saves into a ConfigMap "
        f"with label {RATINGS_LABEL}={version.root.name}. {ratings.raters} of {asked.raters} raters, "
        f"{ratings.rated} of {asked.min_rated} pairs"
    )
    if ratings.refusals:
        named = "; ".join(f"{one.file}: {one.message}" for one in ratings.refused)
        said += (
            f". {ratings.refusals} files do not count: {named}" if ratings.refusals > 1 else f". Not counted: {named}"
        )
    if config_maps > MOST_CONFIG_MAPS:
        said += f". Of {config_maps} ConfigMaps the first {MOST_CONFIG_MAPS} by name count: put several files into one"
    return said


def _files(answer: Answer) -> Files:
    if answer.error:
        return Files(error=answer.error)
    return Files(tuple(sorted(f"{labels['name']}@{labels['version']}" for labels, _ in answer.series)))


def _nobody(ratings: Ratings) -> Ratings:
    """Return `ratings` after the last file went away."""
    return Ratings(**{name: getattr(ratings, name) for name in ("metric", "sheet", "key", "digest", "pairs")})


def _heard(ratings: Ratings, counted: Counted, mark: str) -> Ratings:
    return ratings.model_copy(
        update={
            "rated": counted.rated,
            "raters": counted.raters,
            "accepted": list(counted.accepted),
            "refused": list(counted.refused),
            "refusals": counted.refusals,
            "preference": counted.preference,
            "report": counted.report or None,
            "counted": mark,
        }
    )
