"""Every claim of the story holds on a good tape, and each one fails on a tape that was bent in just that way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from e2e.demo.cast import version
from e2e.demo.tape import Mark, Request, Sighting, Tape
from e2e.demo.verdicts import verdicts
from tests.unit.demo import story

Records = list[Sighting | Request | Mark]


def broken(found: Records) -> set[tuple[str, str]]:
    return {(c.chapter, c.claim) for c in verdicts(story.tape(found)) if not c.held}


def test_the_story_as_it_should_be_holds() -> None:
    assert [c for c in verdicts(story.tape()) if not c.held] == []


def test_nothing_seen_is_nothing_proven() -> None:
    assert [c.claim for c in verdicts(Tape()) if c.held] == []


def test_every_check_carries_evidence() -> None:
    for tape in (story.tape(), Tape()):
        assert all(check.evidence for check in verdicts(tape))


def without(kind: type, test: Callable[[Any], bool]) -> Callable[[Records], Records]:
    return lambda found: [r for r in found if not (isinstance(r, kind) and test(r))]


def edited(kind: str, name: str, **status: Any) -> Callable[[Records], Records]:
    """Overwrite fields of the status in every sighting of an object."""

    def bend(found: Records) -> Records:
        return [
            dataclasses.replace(r, body={**r.body, "status": {**r.status, **status}})
            if isinstance(r, Sighting) and (r.kind, r.name) == (kind, name)
            else r
            for r in found
        ]

    return bend


def plus(*more: Sighting | Request | Mark) -> Callable[[Records], Records]:
    return lambda found: sorted([*found, *more], key=lambda r: r.at)


FAILED_GATE = [{"name": "learned", "outcome": "Fail", "message": "no"}]
NO_DATA_GATE = [{"name": "learned", "outcome": "NoData", "message": "nothing measured"}]


def is_route_with(name: str) -> Callable[[Sighting], bool]:
    return lambda s: s.kind == "HTTPRoute" and story.revision(name) in str(s.spec)


CASES = {
    "v1 fails its gate": (
        edited("ModelVersion", version("v1"), gates=FAILED_GATE),
        {("v1", "trains and passes its gates")},
    ),
    "v1 without data for its gate": (
        edited("ModelVersion", version("v1"), gates=NO_DATA_GATE),
        {("v1", "trains and passes its gates")},
    ),
    "v1 without gates": (edited("ModelVersion", version("v1"), gates=[]), {("v1", "trains and passes its gates")}),
    "v1 compared with something else than the base": (
        edited("ModelVersion", version("v1"), reference={"name": "other", "digest": story.digest("v9")}),
        {("v1", "is measurably better than the base model on held-out graphs")},
    ),
    "v1 no better than the base": (
        edited(
            "ModelVersion",
            version("v1"),
            metrics=[{"name": "held-out-loss", "value": "2.8", "reference": "2.8", "lowerBound": "-0.1"}],
        ),
        {("v1", "is measurably better than the base model on held-out graphs")},
    ),
    "v1 never stable": (
        without(Sighting, lambda s: s.kind == "Rollout" and s.at < 200),
        {("v1", "becomes the version that serves")},
    ),
    "v1 never answers": (without(Request, lambda r: r.version == version("v1")), {("v1", "answers requests")}),
    "v2 fails its gate": (
        edited("ModelVersion", version("v2"), state="Rejected", gates=FAILED_GATE),
        {("v2", "trains and passes its gates")},
    ),
    "v2 skips a step": (
        without(Sighting, lambda s: s.kind == "HTTPRoute" and s.at == 220.1),
        {("v2", "walks the canary steps 10 %, 30 %, 60 %, 100 %")},
    ),
    "v2 steps back": (
        plus(story.route(225, v1=90, v2=10)),
        {("v2", "walks the canary steps 10 %, 30 %, 60 %, 100 %")},
    ),
    "v2 never settles": (
        without(Sighting, lambda s: s.kind == "Rollout" and s.at == 250),
        {("v2", "is promoted"), ("v2", "keeps its warm pods")},
    ),
    "v2 gets new pods": (
        plus(story.pod(245, "v2", 1, uid="another")),
        {("v2", "keeps its warm pods")},
    ),
    "v2 had no pods": (
        without(Sighting, lambda s: s.kind == "Pod" and story.revision("v2") in s.name),
        {("v2", "keeps its warm pods")},
    ),
    "v2 never answers": (without(Request, lambda r: r.version == version("v2")), {("v2", "answers requests")}),
    "v3 is let through": (
        edited("ModelVersion", version("v3"), state="Ready", gates=[{"name": "learned", "outcome": "Pass"}]),
        {("v3", "is rejected by its gate")},
    ),
    "v3 was never made": (
        without(Sighting, lambda s: (s.kind, s.name) == ("ModelVersion", version("v3"))),
        {("v3", "is rejected by its gate"), ("v3", "never gets a request")},
    ),
    "v3 does not stall the Rollout": (
        without(Sighting, lambda s: s.kind == "Rollout" and s.at == 300),
        {("v3", "stalls the Rollout that names it")},
    ),
    "v3 gets a request": (plus(story.request(310, "v3")), {("v3", "never gets a request")}),
    "v3 gets a share": (
        plus(story.trying(310, "v2", "v3", 1), story.route(311, v2=99, v3=1), story.route(312, v2=100, v3=0)),
        {("v3", "never gets a request")},
    ),
    "v4 fails its gate": (
        edited("ModelVersion", version("v4"), state="Rejected", gates=FAILED_GATE),
        {("v4", "passes its gates")},
    ),
    "v4 behaves": (
        without(Request, lambda r: r.version == version("v4") and r.failed),
        {("v4", "misbehaves in serving")},
    ),
    "v4 never gets a share": (without(Sighting, is_route_with("v4")), {("v4", "misbehaves in serving")}),
    "v4 stays in the route": (
        without(Sighting, lambda s: s.kind == "HTTPRoute" and s.at == 410.2),
        {("v4", "is rolled back automatically")},
    ),
    "v4 is not remembered as rolled back": (
        edited("Rollout", "blueprint-assistant", lastRollback=None),
        {("v4", "is rolled back automatically")},
    ),
    "v2 is not in Production at the end": (
        plus(story.passed(420, "v2", "0.6", "1.5", "v1", "Archived")),
        {("v4", "leaves v2 in Production")},
    ),
    "a request fails on v2": (plus(story.request(320, "v2", 503)), {("users", "no request fails but on v4")}),
    "a request fails before any version answers": (
        plus(Request(230.0, "", "", 0, 30.0, "timed out")),
        {("users", "no request fails but on v4")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bent_story_breaks_its_claim_and_no_other(name: str) -> None:
    bend, expected = CASES[name]
    assert broken(bend(story.records())) == expected
