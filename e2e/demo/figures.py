"""Which figures do the closing table and the page show? Pure: from the tape alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from e2e.demo import facts
from e2e.demo.cast import SHORT_NAMES, short, training, version
from e2e.demo.tape import Request, Tape
from slipway.api.conditions import moment
from slipway.api.trainingjob_status import TrainingJobStatus


@dataclass(frozen=True)
class VersionRow:
    """A version in the closing table."""

    name: str
    held_out_loss: float | None
    reference_loss: float | None
    valid_percent: float | None
    steps: int | None
    training_seconds: float | None
    verdict: str
    good: bool
    served: int
    failed: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class Bucket:
    """The traffic of one version in one slice of time."""

    at: float
    count: int
    error_percent: float
    p50: float
    p95: float


@dataclass(frozen=True)
class Turn:
    """A turn of the story, for the plot."""

    at: float
    version: str
    text: str
    outcome: str  # Good, Bad or Neutral


def version_rows(tape: Tape) -> list[VersionRow]:
    """Return one row per version that was trained, or was there without it."""
    return [
        _row(tape, name)
        for name in SHORT_NAMES
        if tape.now("TrainingJob", training(name)) is not None or tape.now("ModelVersion", version(name)) is not None
    ]


def rollback_seconds(tape: Tape, name: str = "v4") -> float | None:
    """Return the time from the first failed request on a version to the moment its weight was 0 again."""
    first = next((r for r in facts.answered_by(tape, version(name)) if r.failed), None)
    if first is None:
        return None
    zero = next((w.at for w in facts.weights(tape) if w.at >= first.at and w.percent(version(name)) == 0), None)
    return None if zero is None else zero - first.at


def buckets(requests: Sequence[Request], seconds: float, begun: float) -> list[Bucket]:
    """Return what one version's requests looked like in slices of `seconds`; empty slices are left out."""
    slices: dict[int, list[Request]] = {}
    for request in requests:
        slices.setdefault(int((request.at - begun) // seconds), []).append(request)
    return [
        Bucket(
            at=begun + (index + 0.5) * seconds,
            count=len(found),
            error_percent=100 * sum(r.failed for r in found) / len(found),
            p50=facts.percentile([r.seconds for r in found], 50) or 0.0,
            p95=facts.percentile([r.seconds for r in found], 95) or 0.0,
        )
        for index, found in sorted(slices.items())
    ]


def turns(tape: Tape) -> list[Turn]:
    """Return the verdicts of the story with their times, oldest first."""
    found: list[Turn] = []
    for (_, before), (at, after) in pairwise([(0.0, None), *facts.rollouts(tape)]):
        was = before.stable.version if before is not None and before.stable is not None else ""
        now = after.stable.version if after.stable is not None else ""
        if now and now != was:
            found.append(Turn(at, short(now), f"{short(now)} {'promoted' if was else 'serves'}", "Good"))
        rolled = after.last_rollback
        if rolled is not None and (before is None or before.last_rollback != rolled):
            found.append(Turn(at, short(rolled.version), f"{short(rolled.version)} rolled back", "Bad"))
    for name in SHORT_NAMES:
        seen = tape.history("ModelVersion", version(name))
        rejected = next((s.at for s in seen if s.status.get("state") == "Rejected"), None)
        if rejected is not None:
            found.append(Turn(rejected, name, f"{name} rejected", "Bad"))
        elif (passed := next((s.at for s in seen if s.status.get("state") == "Ready"), None)) is not None:
            found.append(Turn(passed, name, f"{name} passes its gates", "Neutral"))
    return sorted(found, key=lambda turn: turn.at)


def _row(tape: Tape, name: str) -> VersionRow:
    job = tape.now("TrainingJob", training(name))
    training_status = TrainingJobStatus.model_validate(job.status if job is not None else {})
    status = facts.version_status(tape, version(name))
    loss, validity = facts.metric(status, facts.LOSS), facts.metric(status, facts.VALIDITY)
    answered = facts.answered_by(tape, version(name))
    seconds = [r.seconds for r in answered if not r.failed]
    verdict, good = _verdict(tape, name)
    return VersionRow(
        name=name,
        held_out_loss=float(loss.value) if loss is not None else None,
        reference_loss=float(loss.reference) if loss is not None and loss.reference is not None else None,
        valid_percent=100 * float(validity.value) if validity is not None else None,
        steps=training_status.progress.steps if training_status.progress is not None else None,
        training_seconds=_ran_for(training_status),
        verdict=verdict,
        good=good,
        served=sum(not r.failed for r in answered),
        failed=sum(r.failed for r in answered),
        p50=facts.percentile(seconds, 50),
        p95=facts.percentile(seconds, 95),
    )


def _verdict(tape: Tape, name: str) -> tuple[str, bool]:
    """Return a version's fate in two or three words, and whether it was a good one."""
    status = facts.version_status(tape, version(name))
    if status is None:
        return "no version made", False
    if status.state == "Rejected":
        return "rejected by its gate", False
    last = next((s for _, s in reversed(facts.rollouts(tape))), None)
    if last is not None and any(f.version == version(name) for f in last.failed):
        return "rolled back", False
    if status.stage == "Production":
        return "in production", True
    served = any(t.version == name and t.outcome == "Good" for t in turns(tape))
    return ("served, then superseded" if served else f"{status.state}, {status.stage}"), served


def _ran_for(status: TrainingJobStatus) -> float | None:
    if status.started_at is None or status.finished_at is None:
        return None
    return (moment(status.finished_at) - moment(status.started_at)).total_seconds()
