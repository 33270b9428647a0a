"""What does the plugin know of a Rollout and of the Events that tell its story?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from slipway.api.conditions import READY, RECONCILING, STALLED, Condition, find, moment
from slipway.api.rollout import RolloutSpec, RolloutStatus
from slipway.kubectl.failures import Refused
from slipway.kubectl.stations import Station, stations
from slipway.kubectl.text import plain


@dataclass(frozen=True)
class Release:
    """A Rollout as the cluster has it."""

    namespace: str
    name: str
    generation: int
    spec: RolloutSpec
    status: RolloutStatus

    @property
    def wanted(self) -> str:
        """The version that the spec names."""
        return self.spec.version.name

    @property
    def ready(self) -> Condition | None:
        """The condition Ready, which carries the reason and since when it holds."""
        return find(self.status.conditions, READY)

    @property
    def warnings(self) -> list[str]:
        """What the conditions beside Ready warn of, each with its reason: they are there only while they hold."""
        usual = (READY, RECONCILING, STALLED)
        return [f"{one.reason}: {plain(one.message)}" for one in self.status.conditions if one.type not in usual]

    @property
    def behind(self) -> bool:
        """The operator has not looked at the newest spec yet."""
        return self.status.observed_generation < self.generation

    @property
    def steps(self) -> tuple[Station, ...]:
        """The steps before all traffic."""
        return stations(self.spec)

    @property
    def stepping(self) -> bool:
        """A version is on its way beside a stable one, and not yet through its steps."""
        status = self.status
        under_way = status.candidate is not None and status.stable is not None
        return under_way and status.bake_started_at is None and status.step < status.steps

    @property
    def station(self) -> Station | None:
        """The step at which the candidate is; None before it starts and in the bake."""
        return self.steps[self.status.step] if self.stepping and self.status.step < len(self.steps) else None

    @property
    def at_pause(self) -> bool:
        """The candidate is at a pause, by its steps."""
        return self.station is not None and self.station.pause

    def command(self, verb: str) -> str:
        """Return the line that a person types."""
        return f"kubectl slipway rollout {verb} {self.name} -n {self.namespace}"


@dataclass(frozen=True)
class Told:
    """An Event."""

    at: datetime
    type: str
    reason: str
    message: str
    count: int = 1


@dataclass(frozen=True)
class Sight:
    """What is known at one moment."""

    release: Release | None = None
    """None once the Rollout is gone."""
    events: tuple[Told, ...] = ()
    trouble: str = ""
    """Why nothing newer is known, while the cluster cannot be reached."""


def read(manifest: Mapping[str, Any]) -> Release:
    """Return the Rollout of a manifest; fields that this plugin does not know yet are no error."""
    meta = manifest["metadata"]
    try:
        spec = RolloutSpec.model_validate(manifest.get("spec") or {}, extra="ignore")
        status = RolloutStatus.model_validate(manifest.get("status") or {}, extra="ignore")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the object"
        raise Refused(
            f"Rollout {meta['name']} was written by another version of Slipway ({where}: {first['msg']}): install the "
            "plugin in the version of the operator"
        ) from None
    return Release(meta["namespace"], meta["name"], int(meta.get("generation", 0)), spec, status)


def story(events: Iterable[Mapping[str, Any]]) -> list[Told]:
    """Return Events (core v1) in the order of their time, the newest last."""
    return sorted(map(told, events), key=lambda event: event.at)


def told(event: Mapping[str, Any]) -> Told:
    """Return one Event; what wrote it decides which of its times are set."""
    series = event.get("series") or {}
    at = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
    return Told(
        moment(at),
        plain(event.get("type") or ""),
        plain(event.get("reason") or ""),
        plain(event.get("message") or ""),
        int(series.get("count") or event.get("count") or 1),
    )
