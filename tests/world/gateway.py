"""What does a gateway make of an HTTPRoute, and when?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from slipway.names import child_name
from tests.unit.rollout.gateway import backends, copied

if TYPE_CHECKING:
    from tests.world.world import World

BUCKET_HEADER = "x-slipway-bucket"
GATEWAY = "slipway"
"""The only Gateway that there is."""
Mood = Literal["Follows", "Sleeps", "Refuses", "Absent"]


class Gateway:
    """Takes routes over with a lag, and reports on them with another: either may come first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.mood: Mood = "Follows"
        self.live: dict[str, int] = {}
        """What users' requests really go where, by Service, in percent."""
        self.follows = ""
        """The uid of the Rollout whose route it sends by; while it sleeps, maybe of one that is gone."""
        self.preview: dict[str, int] = {}
        """The same for requests to host names of a preview."""
        self.copies: dict[str, int] = {}
        """Percent of users' requests that are copied, by Service."""
        self.votes: set[str] = set()
        """Services to which votes on their own version are sent."""
        self._confirmed: tuple[str, int] | None = None
        """What it said it took of the route (uid, generation): it sends so soon, even if it falls asleep before."""

    def heard(self, type: str, obj: dict[str, Any]) -> None:
        """Take notice of a change of the route."""
        if obj["kind"] != "HTTPRoute":
            return
        world, version = self._world, obj["metadata"]["resourceVersion"]
        world.after(world.chance.between(0.01, 1.5, "dataplane", version), self.take_over)
        world.after(world.chance.between(0.01, 1.5, "report", version), self.report)

    def turn(self, mood: Mood) -> None:
        """Change the mood; a gateway that wakes up works off what it missed."""
        self.mood = mood
        self._world.after(0.5, self.take_over)
        self._world.after(0.6, self.report)

    def route(self) -> dict[str, Any] | None:
        """Return the route as it is in the cluster."""
        return self._world.find("HTTPRoute", self._world.name)

    def routes(self) -> list[dict[str, Any]]:
        """Return all routes as they are in the cluster."""
        return self._world.cluster.of("HTTPRoute")

    def _named(self, part: str) -> dict[str, Any] | None:
        return self._world.find("HTTPRoute", child_name(self._world.name, part))

    def take_over(self) -> None:
        """Send requests as the route says now."""
        route = self.route()
        confirmed = route is not None and _state(route) == self._confirmed
        if self.mood != "Follows" and not confirmed:
            return
        self._world.prometheus.account()
        route = route if route is not None and GATEWAY in gateways(route) else None
        self.live = shares(route) if route is not None else {}
        self.follows = route["metadata"]["ownerReferences"][0]["uid"] if route is not None else ""
        self.copies = copied(route) if route is not None else {}
        preview, votes = (self._named(part) for part in ("preview", "feedback"))
        self.preview = shares(preview) if preview is not None else {}
        self.votes = {name for found in every_weight(votes) for name in found} if votes is not None else set()

    def report(self) -> None:
        """Write the route's status."""
        if self.mood in ("Sleeps", "Absent"):
            return
        mine = self.route()
        self._confirmed = _state(mine) if mine is not None and self.mood == "Follows" else None
        for route in self.routes():
            self._world.cluster.put({**route, "status": {"parents": self._answer(route)}})

    def _answer(self, route: Mapping[str, Any]) -> list[dict[str, Any]]:
        accepted = self.mood == "Follows"
        conditions = [
            {
                "type": kind,
                "status": "True" if accepted or kind != "Accepted" else "False",
                "reason": kind if accepted else "NotAllowedByListeners",
                "message": "" if accepted else "no listener allows this route",
                "observedGeneration": route["metadata"]["generation"],
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        return [
            {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": conditions}
            for parent in route["spec"]["parentRefs"]
            if parent["name"] == GATEWAY
        ]


def _state(route: Mapping[str, Any]) -> tuple[str, int]:
    return route["metadata"]["uid"], route["metadata"]["generation"]


def gateways(route: Mapping[str, Any]) -> list[str]:
    """Return the names of the Gateways that the route is to come through."""
    return [ref["name"] for ref in route["spec"]["parentRefs"]]


def weights(route: Mapping[str, Any]) -> dict[str, int]:
    """Return the weights, by Service, for requests that carry no special header."""
    return backends(route)


def every_weight(route: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    """Yield the weights of every rule."""
    for rule in route["spec"]["rules"]:
        yield {ref["name"]: int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or ()}


def shares(route: Mapping[str, Any]) -> dict[str, int]:
    """Return the percent of requests by Service when every user sends a bucket and nobody another header."""
    by_header = any(match.get("headers") for rule in route["spec"]["rules"] for match in rule["matches"])
    buckets = [{BUCKET_HEADER: f"{number:02d}"} for number in range(100)] if by_header else [{}]
    found: dict[str, float] = {}
    for headers in buckets:
        given = backends(route, headers)
        for name, weight in given.items():
            share = weight / sum(given.values()) if weight else 0.0  # all at 0: the gateway answers 500
            found[name] = found.get(name, 0.0) + share * 100 / len(buckets)
    return {name: round(percent) for name, percent in found.items()}
