"""What did the users of one Rollout see, and what had its route promised them? Pure: from the tape alone."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from e2e.demo.tape import Request, Sighting, Tape
from e2e.scenarios.manifests import host, preview_host
from slipway.names import ROLLOUT_LABEL
from slipway.rollout.analysis.binomial import tail

LAG_SECONDS, EARLY_SECONDS = 4.0, 1.0
"""After and before a change of weights nobody can say from outside which of them a request met: ours were seen a little
late, and gateways take a moment (Traefik here up to 1.1 s where five scenarios shared two CPUs, and 2.6 s with ten)."""
NEW_HOST_SECONDS = 8.0
"""After a Rollout is Healthy for the first time a gateway may still not know its host name: 404 for 5 s was seen."""
NOBODY_THERE = frozenset({404, 500, 502, 503})
"""What a gateway says in its own name: without a route, or (500, by Gateway API) a Service, or (502, 503) pods."""
A_WHILE_SECONDS = 1.0
LEVEL = 0.001
"""Chance of a false alarm over everything that is tested together."""


@dataclass(frozen=True)
class Shares:
    """The percents that the route gave each revision, from one change to the next."""

    begin: float
    end: float
    percents: Mapping[str, int]

    def met_by(self, request: Request) -> bool:
        """Whether it is certain that a request was routed by these shares."""
        return self.begin + LAG_SECONDS <= request.at <= self.end - EARLY_SECONDS


@dataclass(frozen=True)
class Absence:
    """From the call that deletes a Rollout until the next one of its name is Healthy."""

    begin: float
    end: float

    def explains(self, request: Request) -> bool:
        """Whether a request failed because there was nothing to answer it, and the gateway said so."""
        meanwhile = self.begin <= request.at <= self.end + NEW_HOST_SECONDS
        return meanwhile and not request.revision and request.status in NOBODY_THERE


@dataclass(frozen=True)
class Tally:
    """How many of some requests a revision answered that was to have `percent` of them."""

    rollout: str
    percent: int
    answered: int
    requests: int

    def chance(self) -> float:
        """Return how likely a draw with this percent strays so far to this side, doubled for the two sides."""
        rate = self.percent / 100
        more, fewer = self.answered, self.requests - self.answered
        return min(1.0, 2 * min(tail(more, self.requests, rate), tail(fewer, self.requests, 1 - rate)))

    def __str__(self) -> str:
        return f"{self.rollout}: {self.answered} of {self.requests} at {self.percent} % (chance {self.chance():.2g})"


def requests_to(tape: Tape, rollout: str) -> Sequence[Request]:
    """Return what users asked a Rollout, in the order of the answers."""
    return [request for request in tuple(tape.requests) if request.host == host(rollout)]


def shares(tape: Tape, rollout: str) -> Sequence[Shares]:
    """Return the shares that a Rollout's route gave, oldest first; none while there was no route."""
    changes: list[tuple[float, Mapping[str, int]]] = []
    for sighting in tape.history("HTTPRoute", rollout):
        percents = _percents(sighting, rollout)
        if not changes or changes[-1][1] != percents:
            changes.append((sighting.at, percents))
    never: Mapping[str, int] = {}
    followed = itertools.pairwise([*changes, (float("inf"), never)])
    return [Shares(begin, end, percents) for (begin, percents), (end, _) in followed if percents]


def walk(tape: Tape, rollout: str, revision: str) -> list[int]:
    """Return the percents that a revision had one after the other, from its first share on."""
    given = [entry.percents.get(revision, 0) for entry in shares(tape, rollout)]
    return [percent for percent, _ in itertools.groupby(itertools.dropwhile(lambda percent: percent == 0, given))]


def failed(
    tape: Tape, rollout: str, excused: Collection[str] = (), absences: Collection[Absence] = ()
) -> list[Request]:
    """Return the requests that were not answered well, but for those that an `excused` revision answered badly.

    Those that an absence explains are no failures either: somebody wanted that there be no answer. Testers on the
    preview count as users. What no revision answered (refused, reset, timed out, an error of the gateway) is nobody's
    but stable's failure.
    """
    hosts = (host(rollout), preview_host(rollout))
    bad = [request for request in tuple(tape.requests) if request.failed and request.host in hosts]
    found = [request for request in bad if not request.revision or request.revision not in excused]
    return [request for request in found if not any(absence.explains(request) for absence in absences)]


def strays(tape: Tape, rollout: str) -> list[Request]:
    """Return the requests that a revision answered while the route gave it nothing."""
    found = []
    for entry in shares(tape, rollout):
        served = {revision for revision, percent in entry.percents.items() if percent}
        found += [r for r in requests_to(tape, rollout) if entry.met_by(r) and r.revision and r.revision not in served]
    return found


def tallies(tape: Tape, rollout: str) -> list[Tally]:
    """Return, for each percent that two revisions shared, who answered how often."""
    found: dict[int, list[bool]] = {}
    for entry in shares(tape, rollout):
        both = sorted((percent, revision) for revision, percent in entry.percents.items() if percent)
        if len(both) == 2:
            percent, smaller = both[0]
            met = [r for r in requests_to(tape, rollout) if r.revision and entry.met_by(r)]
            found.setdefault(percent, []).extend(request.revision == smaller for request in met)
    return [Tally(rollout, percent, sum(hits), len(hits)) for percent, hits in sorted(found.items()) if hits]


def together(found: Iterable[Tally]) -> list[Tally]:
    """Return one tally per percent over all Rollouts: many requests show what few cannot."""
    by_percent: dict[int, list[Tally]] = {}
    for one in found:
        by_percent.setdefault(one.percent, []).append(one)
    return [
        Tally("all", percent, sum(t.answered for t in those), sum(t.requests for t in those))
        for percent, those in sorted(by_percent.items())
    ]


def unlikely(found: Sequence[Tally]) -> list[Tally]:
    """Return the tallies outside their exact binomial interval; together they raise a false alarm once in 1,000."""
    return [one for one in found if one.chance() < LEVEL / len(found)]


def most_pods(tape: Tape, rollout: str) -> int:
    """Return the most pods that a Rollout had together for a while, those on their way out left out.

    Controllers make and delete pods in any order: what one asked for a moment ago may still be there.
    """
    there: set[str] = set()
    counts: list[tuple[float, int]] = []
    for sighting in tape.of_kind("Pod"):
        meta = sighting.body.get("metadata", {})
        ours = meta.get("labels", {}).get(ROLLOUT_LABEL) == rollout and not meta.get("deletionTimestamp")
        (there.add if ours else there.discard)(sighting.name)
        counts.append((sighting.at, len(there)))
    lasting = itertools.pairwise([*counts, (float("inf"), 0)])
    return max((count for (begin, count), (end, _) in lasting if end - begin >= A_WHILE_SECONDS), default=0)


def _percents(sighting: Sighting, rollout: str) -> Mapping[str, int]:
    """Return the percents by revision: a revision's Service is named ROLLOUT-REVISION."""
    rules = sighting.spec.get("rules") or [{}]
    backends = rules[-1].get("backendRefs") or []
    return {backend["name"].removeprefix(f"{rollout}-"): int(backend.get("weight", 1)) for backend in backends}
