"""What do the room's own queries ask for? Read back from their words, so that simulated clusters can answer them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor

from slipway.rollout.analysis.queries import CODE, CODES, JOIN, PART, RESET, RESETS, TIMES

Series = list[tuple[dict[str, str], float]]

WHERE = r'\{[^}]*revision="(?P<revision>\w+)"[^}]*\}'
WINDOW = re.compile(rf"increase\((?P<name>\w+){WHERE}\[(?P<s>\d+)s\](?: @ (?P<end>[\d.]+))?")
COUNTED = re.compile(rf"\(\((?P<name>\w+){WHERE} @ (?P<ends>[\d.]+) - \(\w+\{{[^}}]*\}} @ (?P<begins>[\d.]+) or")


@dataclass(frozen=True)
class Part:
    """One line of a query: the growth of a counter of one revision over a time."""

    counter: str
    revision: str
    begins: datetime
    ends: datetime
    named: str = ""
    """FRESH or BEFORE for counted requests; empty for windows."""
    past: bool = False
    """The time is written in the query; otherwise it ends now."""

    def series(self, requests: float, failing_percent: float, slower: Callable[[float], float]) -> Series:
        """Return what Prometheus answers where `requests` came in that time.

        `slower` is the share of them that takes more milliseconds than given.
        """
        labels = {"revision": self.revision} | ({PART: self.named} if self.named else {})
        whole: Callable[[float], float] = (lambda value: float(floor(value))) if self.named else float
        if self.counter == RESETS.name:
            return [(labels | {CODE: RESET}, 0.0)]
        if self.counter == CODES.name:
            bad = whole(requests * failing_percent / 100)
            return [(labels | {CODE: "2"}, whole(requests) - bad), (labels | {CODE: "5"}, bad)]
        assert self.counter == TIMES.name
        return [
            (labels | {"le": "+Inf" if bound == INFINITE else str(bound)}, whole(requests * (1 - slower(bound))))
            for bound in BOUNDS
        ]


INFINITE = float("inf")
BOUNDS = (50.0, 80.0, 100.0, 125.0, 150.0, 200.0, 400.0, 800.0, INFINITE)


def parts(query: str, now: datetime) -> list[Part]:
    """Return the parts of `query` asked at `now`; none for a query of the user's own."""
    found = []
    for line in query.split(JOIN):
        for match in WINDOW.finditer(line):
            ends = _moment(match["end"]) if match["end"] else now
            begins = ends - timedelta(seconds=int(match["s"]))
            found.append(Part(match["name"], match["revision"], begins, ends, past=match["end"] is not None))
        for match in COUNTED.finditer(line):
            named = re.findall(rf'"{PART}", "(\w+)"', line)[-1]
            begins, ends = _moment(match["begins"]), _moment(match["ends"])
            found.append(Part(match["name"], match["revision"], begins, ends, named, past=True))
    return found


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def counted(rates: Mapping[str, float], part: Part) -> float:
    """Return a whole number of requests at so many a second by revision: neighbouring times add up to the whole."""
    rate = rates.get(part.revision, 0.0)
    return floor(rate * part.ends.timestamp()) - floor(rate * part.begins.timestamp())
