"""What is a Rollout's situation, and what is one move out of it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from slipway.api.bluegreen import BlueGreen
from slipway.api.conditions import moment
from slipway.api.rollout import CandidateStatus, RevisionRef, RolloutSpec, RolloutStatus
from slipway.plan import Event
from slipway.rollout import capacity, traffic
from slipway.rollout.observe import Seen
from slipway.rollout.phase import answering
from slipway.rollout.revision import serving_hash
from slipway.rollout.rollout import Rollout
from slipway.rollout.steps import Step, step_at
from slipway.rollout.wanted import Servable, Unusable, Waiting


@dataclass(frozen=True)
class Situation:
    """A Rollout, its status as far as it is decided, what is seen, and the time."""

    rollout: Rollout
    status: RolloutStatus
    seen: Seen
    drain: timedelta
    now: datetime
    events: tuple[Event, ...] = ()

    def moved(self, event: Event | None = None, **changes: Any) -> Situation:
        """Return the situation after a change of status, with the event that tells of it."""
        events = (*self.events, event) if event is not None else self.events
        status = self.status.model_copy(update=changes)
        if _directed(status) != _directed(self.status):
            status = status.model_copy(update={"route_version": status.route_version + 1})
        return replace(self, status=status, events=events)

    @property
    def spec(self) -> RolloutSpec:
        """What the user wants."""
        return self.rollout.spec

    @property
    def replicas(self) -> int:
        """Replicas at full traffic."""
        return self.rollout.spec.serving.replicas

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the strategy, before promotion."""
        return self.rollout.steps

    @property
    def step(self) -> Step:
        """The candidate's present step; after the last one, everything."""
        return step_at(self.steps, self.status.step)

    @property
    def stepping(self) -> bool:
        """There are steps left."""
        return self.status.step < len(self.steps)

    @property
    def target(self) -> int:
        """The percent of the candidate's present step, or where it was paused on its way there."""
        paused = self.status.paused
        return min(self.step.percent, paused.percent) if paused is not None else self.step.percent

    @property
    def warmth(self) -> timedelta:
        """How long a version that was replaced is kept warm."""
        strategy = self.spec.strategy.chosen
        return timedelta(seconds=strategy.scale_down_delay_seconds if isinstance(strategy, BlueGreen) else 0)

    @property
    def needed(self) -> int:
        """Replicas that the candidate's present step needs."""
        return capacity.needed(self.spec, self.status)

    @property
    def owed(self) -> int:
        """Replicas without which the candidate is late: as its share was given, or as it needs for the next one."""
        candidate = self.status.candidate
        if candidate is None or self.status.percent != self.step.percent or not candidate.replicas:
            return self.needed
        return min(self.needed, capacity.carrying(candidate.replicas, self.status.percent))

    def ready(self, ref: RevisionRef) -> int:
        """Return the ready endpoints of `ref`."""
        return self.seen.of(ref).ready

    @property
    def wants(self) -> RevisionRef | None:
        """The revision that the spec names, if it may serve.

        Stable serves already, and what it replaced may still be warm: where the spec names one of them, its
        ModelVersion has no say any more, and may even be gone.
        """
        if isinstance(self.seen.wanted, Servable):
            return self.seen.wanted.ref
        named = (self.spec.version.name, serving_hash(self.spec.serving))
        known = (ref for ref in (self.status.stable, self.status.previous) if ref is not None)
        return next((ref for ref in known if (ref.version, ref.template) == named), None)

    @property
    def obstacle(self) -> Waiting | Unusable | None:
        """Why the version that the spec names cannot serve, or not yet."""
        aim = self.seen.wanted
        if isinstance(aim, Servable) or (self.wants is not None and not self.seen.contested):
            return None
        return aim

    def wants_this(self, ref: RevisionRef | None) -> bool:
        """Tell whether the spec names revision `ref`."""
        return ref is not None and self.wants is not None and self.wants.revision == ref.revision

    @property
    def at_target(self) -> CandidateStatus | None:
        """The candidate, once its step's share is confirmed by the gateway; None before."""
        status = self.status
        confirmed = status.step_started_at is not None and status.percent == self.target
        return status.candidate if confirmed and status.stable is not None else None

    @property
    def carried(self) -> bool:
        """The gateway confirmed the intended shares."""
        return traffic.carried(self.rollout, self.status, self.seen)

    def elapsed(self, since: str | None) -> timedelta:
        """Return the time since a moment in status; zero when it is not set."""
        return self.now - moment(since) if since else timedelta(0)


def _directed(status: RolloutStatus) -> tuple[dict[str, int], bool, int]:
    """Return what of a status the routes are made from."""
    return traffic.shares(status), answering(status), status.mirror_percent
