"""Which steps does a candidate take under the strategy that the spec chose?

A strategy is a list of steps: shares of traffic, each held until its time is over and its metrics pass. The rules walk
any such list; after the last step comes everything, and the bake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from slipway.api.abtest import AbTest
from slipway.api.bluegreen import BlueGreen
from slipway.api.canary import Canary
from slipway.api.rollout import RolloutSpec
from slipway.contract.artifact import digest_of

HOLD = timedelta(seconds=60)
"""Of a canary step that names none."""


@dataclass(frozen=True)
class Step:
    """A share of traffic, held for a time."""

    percent: int
    """Of requests, sent to the candidate."""
    hold: timedelta = timedelta(0)
    replicas: int = 0
    """The candidate has at least so many pods, whatever its share needs."""
    metrics: frozenset[str] | None = None
    """Names of the metrics in force; None means all of them."""
    pause: bool = False
    """People wait here: for the time of `hold`, or, where that is zero, for the command promote."""

    mirror: int = 0
    """Percent of requests that are copied to the candidate."""
    where: str = ""
    """What people call it, where its share says less: a version is, passes or fails there."""

    @property
    def gate(self) -> bool:
        """The step ends by command alone."""
        return self.pause and not self.hold


EVERYTHING = Step(100)
ALL_REPLICAS = 1000
"""As many as spec.serving.replicas can be: a step never has more pods than that says."""


def steps_of(spec: RolloutSpec) -> tuple[Step, ...]:
    """Return the steps before promotion."""
    match spec.strategy.chosen:
        case Canary() as canary:
            return _canary(canary)
        case BlueGreen() as blue_green:
            return _blue_green(blue_green)
        case AbTest() as test:
            return _ab_test(test)
        case unknown:
            raise AssertionError(f"no strategy: {unknown}")


def step_at(steps: Sequence[Step], index: int) -> Step:
    """Return step `index`; after the last one, everything."""
    return steps[index] if index < len(steps) else EVERYTHING


def step_at_most(steps: Sequence[Step], percent: int) -> int:
    """Return the first step of the largest share that is not above `percent`; the first step where all are above."""
    shares = [step.percent for step in steps]
    return shares.index(max((share for share in shares if share <= percent), default=shares[0]))


def hash_of(steps: Sequence[Step]) -> str:
    """Return the hash by which an edited list is known. Times are left out: a changed one just takes effect."""
    content = [_told(step) for step in steps]
    return digest_of(content).partition(":")[2][:10]


def _told(step: Step) -> list[object]:
    metrics = sorted(step.metrics) if step.metrics is not None else None
    # What is absent is left out: a field of a newer operator must not make every list an edited one.
    return [step.percent, step.replicas, metrics, step.pause, *([step.mirror] if step.mirror else [])]


def _canary(canary: Canary) -> tuple[Step, ...]:
    found: list[Step] = []
    for step in canary.steps:
        if step.pause is not None:
            before = found[-1] if found else Step(0)
            found.append(replace(before, hold=timedelta(seconds=step.pause.seconds or 0), pause=True))
            continue
        hold = HOLD if step.hold_seconds is None else timedelta(seconds=step.hold_seconds)
        metrics = frozenset(step.metrics) if step.metrics is not None else None
        copies = step.mirror_percent or 0
        where = f"on copies of {copies} % of requests" if copies else ""
        found.append(Step(step.percent or 0, hold, step.replicas or 0, metrics, mirror=copies, where=where))
    return tuple(found)


def _blue_green(blue_green: BlueGreen) -> tuple[Step, ...]:
    """Return the preview, with all pods and none of the users, and the gate after it where people promote."""
    metrics = frozenset(blue_green.metrics) if blue_green.metrics is not None else None
    preview = Step(0, timedelta(seconds=blue_green.hold_seconds), ALL_REPLICAS, metrics, where="on the preview")
    gate = replace(preview, hold=timedelta(0), pause=True)
    return (preview,) if blue_green.auto_promote else (preview, gate)


def _ab_test(test: AbTest) -> tuple[Step, ...]:
    """Return one share until the deadline, and the gate after it where people decide then.

    How many users a client's own groups have nobody knows, so that the candidate has all its pods for them.
    """
    replicas = 0 if test.percent is not None else ALL_REPLICAS
    compete = Step(test.percent or 0, timedelta(seconds=test.deadline_seconds), replicas, where="in the A-B test")
    gate = replace(compete, hold=timedelta(0), pause=True)
    return (compete, gate) if test.at_deadline == "Pause" else (compete,)
