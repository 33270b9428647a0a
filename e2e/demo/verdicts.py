"""Did the four outcomes of the story really happen? Pure: from the tape alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from e2e.demo import facts
from e2e.demo.cast import ROLLOUT, SHORT_NAMES, TRAINED, version
from e2e.demo.tape import Sighting, Tape
from slipway.api.base import StatusModel
from slipway.api.conditions import READY, STALLED, find, is_true
from slipway.api.modelversion import ModelVersionStatus
from slipway.api.rollout import RolloutStatus

V1, V2, V3, V4 = (version(short) for short in SHORT_NAMES)


@dataclass(frozen=True)
class Check:
    """A claim of the story, whether it held, and the evidence for or against it."""

    chapter: str
    claim: str
    held: bool
    evidence: str


def verdicts(tape: Tape) -> list[Check]:
    """Return every claim of the story, judged."""
    return [check for chapter in CHAPTERS for check in chapter(tape)]


def first_release(tape: Tape) -> Iterator[Check]:
    """v1 trains, passes against the base model, and serves."""
    yield _passes(tape, "v1", V1)
    status = facts.version_status(tape, V1)
    against_base = status is not None and status.reference is not None and status.reference.name is None
    loss = facts.metric(status, facts.LOSS)
    bound = None if loss is None or loss.lower_bound is None else float(loss.lower_bound)
    yield Check(
        "v1",
        "is measurably better than the base model on held-out graphs",
        against_base and bound is not None and bound > 0,
        f"held-out loss {loss.value}, base {loss.reference}, lower bound of the improvement {loss.lower_bound}"
        if against_base and loss is not None
        else "no comparison with the base model was seen",
    )
    yield _becomes_stable(tape, "v1", V1)
    yield _answers(tape, "v1", V1)


def promotion(tape: Tape) -> Iterator[Check]:
    """v2 passes against v1, walks the canary steps, is promoted, and keeps its warm pods."""
    yield _passes(tape, "v2", V2)
    wanted = [*_steps(tape, V2), 100]
    walked = _shares_until_full(tape, V2)
    yield Check(
        "v2",
        f"walks the canary steps {_percents(wanted)}",
        len(wanted) > 1 and walked == wanted,
        f"the route gave it {_percents(walked) or 'nothing'}",
    )
    yield _becomes_stable(tape, "v2", V2)
    yield _keeps_its_pods(tape)
    yield _answers(tape, "v2", V2)


def rejection(tape: Tape) -> Iterator[Check]:
    """v3 is rejected by its gate, its Rollout stalls, and it never gets a request."""
    status = facts.version_status(tape, V3)
    failed = facts.failed_gates(status) if status is not None else ()
    yield Check(
        "v3",
        "is rejected by its gate",
        status is not None and status.state == "Rejected" and bool(failed),
        "; ".join(g.message or f"{g.name}: {g.value} against {g.bound}" for g in failed) or _state(status),
    )
    stalled = [
        condition
        for _, asked, rollout in _wanted(tape)
        if asked == V3 and (condition := find(rollout.conditions, STALLED)) and condition.status == "True"
    ]
    yield Check(
        "v3",
        "stalls the Rollout that names it",
        bool(stalled),
        f"{stalled[0].reason}: {stalled[0].message}" if stalled else "the Rollout was never seen Stalled",
    )
    answered = len(facts.answered_by(tape, V3))
    most = max((w.percent(V3) for w in facts.weights(tape)), default=0)
    yield Check(
        "v3",
        "never gets a request",
        status is not None and answered == 0 and most == 0,
        f"{answered} requests, at most {most:.0f} % of the route",
    )


def automatic_return(tape: Tape) -> Iterator[Check]:
    """v4 passes its gate, misbehaves in serving, and is rolled back; Production is v2 again."""
    yield _passes(tape, "v4", V4)
    shares = [w for w in facts.weights(tape) if w.percent(V4) > 0]
    failures = [r for r in facts.answered_by(tape, V4) if r.failed]
    yield Check(
        "v4",
        "misbehaves in serving",
        bool(shares) and bool(failures),
        f"{len(failures)} of {len(facts.answered_by(tape, V4))} requests failed on it",
    )
    last = next((s for _, s in reversed(facts.rollouts(tape))), None)
    back = last is not None and last.last_rollback is not None and last.last_rollback.version == V4
    returned = last is not None and last.stable is not None and last.stable.version == V2 and last.percent == 0
    route = facts.weights(tape)
    full = bool(route) and route[-1].percent(V2) == 100
    yield Check(
        "v4",
        "is rolled back automatically",
        back and returned and full,
        last.last_rollback.message
        if last is not None and last.last_rollback is not None and back and returned and full
        else f"the route gives v2 {route[-1].percent(V2) if route else 0:.0f} %, last rollback: "
        f"{last.last_rollback.version if last is not None and last.last_rollback is not None else 'none'}",
    )
    status = facts.version_status(tape, V2)
    yield Check(
        "v4",
        "leaves v2 in Production",
        status is not None and status.stage == "Production",
        f"v2's stage is {status.stage}" if status is not None else "v2 is gone",
    )


def users(tape: Tape) -> Iterator[Check]:
    """Nobody who was served by a good version noticed anything."""
    innocent = [r for r in tape.requests if r.version != V4]
    failed = [r for r in innocent if r.failed]
    sample = (
        f"; first: {failed[0].status} {failed[0].error} from {failed[0].version or 'the gateway'}" if failed else ""
    )
    yield Check(
        "users",
        "no request fails but on v4",
        bool(innocent) and not failed,
        f"{len(failed)} of {len(innocent)} failed{sample}",
    )


CHAPTERS: Sequence[Callable[[Tape], Iterator[Check]]] = (
    first_release,
    promotion,
    rejection,
    automatic_return,
    users,
)


def _passes(tape: Tape, chapter: str, name: str) -> Check:
    status = facts.version_status(tape, name)
    passed = status is not None and status.state == "Ready" and bool(status.gates) and not facts.failed_gates(status)
    gates = "; ".join(g.message or f"{g.name} {g.outcome}" for g in status.gates) if status is not None else ""
    claim = "trains and passes its gates" if chapter in TRAINED else "passes its gates"
    return Check(chapter, claim, passed, gates or _state(status))


def _becomes_stable(tape: Tape, chapter: str, name: str) -> Check:
    return Check(
        chapter,
        "is promoted" if chapter != "v1" else "becomes the version that serves",
        _settled_at(tape, name) is not None,
        "Rollout Healthy with it as stable" if _settled_at(tape, name) is not None else "never seen Healthy with it",
    )


def _answers(tape: Tape, chapter: str, name: str) -> Check:
    good = sum(not r.failed for r in facts.answered_by(tape, name))
    return Check(chapter, "answers requests", good > 0, f"{good} answered")


def _keeps_its_pods(tape: Tape) -> Check:
    settled = _settled_at(tape, V2)
    trial = [
        (at, s.candidate) for at, s in facts.rollouts(tape) if s.candidate is not None and s.candidate.version == V2
    ]
    if settled is None or not trial:
        return Check("v2", "keeps its warm pods", False, "the promotion was not seen")
    at, candidate = trial[-1]
    warm = facts.pods_of(tape, candidate.revision, at)
    final = facts.pods_of(tape, candidate.revision, settled)
    return Check(
        "v2",
        "keeps its warm pods",
        bool(warm) and warm <= final,
        f"{len(warm & final)} of {len(warm)} pods of the canary serve on",
    )


def _settled_at(tape: Tape, name: str) -> float | None:
    """Return when the Rollout that asks for a version was first Ready with it as stable and no candidate."""
    return next(
        (
            at
            for at, asked, s in _wanted(tape)
            if asked == name
            and s.stable is not None
            and s.stable.version == name
            and s.candidate is None
            and is_true(s.conditions, READY)
        ),
        None,
    )


def _steps(tape: Tape, name: str) -> list[int]:
    """Return the canary percents of the Rollout that asked for a version."""
    for sighting in tape.history("Rollout", ROLLOUT):
        if _asks_for(sighting) == name:
            return [int(step["percent"]) for step in sighting.spec["strategy"]["canary"]["steps"]]
    return []


def _shares_until_full(tape: Tape, name: str) -> list[int]:
    """Return the rising shares that the route gave a version, up to its first 100 percent."""
    shares = [round(w.percent(name)) for w in facts.weights(tape)]
    given = [share for share, _ in itertools.groupby(share for share in shares if share > 0)]
    return given[: given.index(100) + 1] if 100 in given else given


def _wanted(tape: Tape) -> Iterator[tuple[float, str, RolloutStatus]]:
    """Return every Rollout status together with the version that the spec asked for."""
    for sighting in tape.history("Rollout", ROLLOUT):
        if sighting.status:
            yield sighting.at, _asks_for(sighting), facts.rollout_status(sighting)


def _asks_for(sighting: Sighting) -> str:
    return str(sighting.spec.get("version", {}).get("name", ""))


def _percents(shares: Sequence[int]) -> str:
    return ", ".join(f"{share} %" for share in shares)


def _state(status: StatusModel | None) -> str:
    if isinstance(status, ModelVersionStatus):
        return f"its state is {status.state}: {status.message}"
    return "there is no such ModelVersion"
