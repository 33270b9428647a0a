"""What may happen to a Rollout, its pods, its gateway, its Prometheus, its users and its operator?

Each disturbance is a function of the world and plain arguments, so that a history is a list that can be printed, made
smaller and run again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.world import measures
from tests.world.apiserver import Trouble
from tests.world.gateway import GATEWAY
from tests.world.measures import Measure
from tests.world.prometheus import Behaviour
from tests.world.world import World, steps

VERSIONS = ("v1", "v2", "v3")
FATES = ("Slow", "Unschedulable", "BadImage", "CrashLoop", "BadArtefact", "Good", "Good")
MOODS = ("Follows", "Follows", "Sleeps", "Refuses")
TROUBLES = ("TooMany", "Server", "Unreachable", "Hang", "AnswerLost", "Forbidden")
KINDS = ("", "", "Rollout", "HTTPRoute", "Deployment", "Service")
STEPS = ((10, 50), (5, 20, 60), (100,), (30,), (25, 50))
JUMPS = (-120.0, -20.0, 20.0, 90.0, 700.0)
"""Seconds; 120 are more than anything in a history is to last."""
MOODS_OF_SOURCES = ("Good", "Low", "Away", "Failing", "Empty", "Odd")
COMMANDS = ("retry", "abort", "pause", "resume", "promote", "skip-step", "promote-full")


@dataclass(frozen=True)
class Disturbance:
    """Something that happens `after` so many seconds of calm."""

    after: float
    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"({self.after:g}, {self.name!r}, {self.arguments!r})"

    def happen(self, world: World) -> None:
        """Let it happen."""
        world.say(f"--- {self.name}{self.arguments}")
        ALL[self.name][0](world, *self.arguments)


def want(world: World, version: str) -> None:
    """Somebody names another version."""
    world.want(version)


def template(world: World, tokens: int) -> None:
    """Somebody changes the serving template."""
    world.edit(serving=world.spec["serving"] | {"runtime": {"llamaCpp": {"contextTokens": tokens}}})


def scale(world: World, replicas: int) -> None:
    """An autoscaler changes the replicas."""
    world.scale(replicas)


def name_gateway(world: World, name: str) -> None:
    """Somebody edits spec.traffic.gateway; only `slipway` is there."""
    traffic = world.spec["traffic"] | {"gateway": {"name": name, "namespace": "gateways"}}
    if traffic != world.spec["traffic"]:
        world.edit(traffic=traffic)


def step_list(world: World, percents: tuple[int, ...], hold: int) -> None:
    """Somebody edits the strategy."""
    canary = world.spec["strategy"].get("canary")
    if canary is not None:
        world.edit(strategy={"canary": {**canary, **steps(*percents, hold=hold)["canary"]}})


def command(world: World, name: str, version: str) -> None:
    """Somebody gives a command, for whatever version."""
    world.annotate(name, version)


def version_turns(world: World, version: str, state: str) -> None:
    """A ModelVersion changes, or is deleted."""
    if state == "Deleted":
        world.drop_version(version)
    else:
        world.set_version(version, state)


def edit_route(world: World, weight: int) -> None:
    """Somebody edits the route by hand."""
    world.edit_route(weight)


def edit_status(world: World, changes: dict[str, Any]) -> None:
    """Somebody edits the status by hand."""
    if world.exists and world.root.get("status"):
        world.edit_status(**changes)


def wipe_status(world: World) -> None:
    """Somebody loses the status, in a restore from a backup for example."""
    if world.exists:
        world.wipe_status()


def recreate(world: World) -> None:
    """Somebody deletes the Rollout and creates it again."""
    if world.exists:
        world.delete(3.0)
        world.after(1.0, world.create)


def fate(world: World, version: str, turn: Any) -> None:
    """The pods of a version get into trouble, or out of it."""
    world.nodes.turn(version, turn)


def lose_pods(world: World, version: str, share: float) -> None:
    """A node dies with some pods of a version."""
    pods = world.pods_of(version)
    for name in pods[: round(len(pods) * share + 0.49)]:
        world.nodes.lose(name)


def freeze(world: World, seconds: float) -> None:
    """The cluster's controllers are behind."""
    world.nodes.frozen = True
    world.after(seconds, setattr, world.nodes, "frozen", False)


def gateway(world: World, mood: Any) -> None:
    """The gateway falls asleep, refuses, or works again."""
    world.gateway.turn(mood)


def prometheus(world: World, up: bool, delay: float) -> None:
    """Prometheus goes, comes back, or is slow."""
    world.prometheus.up = up
    world.prometheus.delay = delay


def dark(world: World) -> None:
    """What both gateway and Prometheus need is lost, a node for example."""
    gateway(world, "Sleeps")
    prometheus(world, False, world.prometheus.delay)


def sources(world: World, mood: Any) -> None:
    """The user's own web server and the pods that measure fail in some way, or work again."""
    world.sources.mood = mood


def measure(world: World, more: tuple[Measure, ...]) -> None:
    """Somebody edits what is measured beside errors and latency."""
    analysis = world.spec["analysis"]
    kept = [metric for metric in analysis["metrics"] if not metric["name"].startswith(measures.OWN)]
    world.edit(analysis=analysis | {"metrics": [*kept, *measures.written(more)]})


def query(world: World, understood: bool) -> None:
    """Somebody edits a query that judges, to one that Prometheus refuses or to one that it understands."""
    analysis = world.spec["analysis"]
    others = [metric for metric in analysis["metrics"] if metric["name"] != measures.EDITED]
    world.edit(analysis=analysis | {"metrics": [*others, measures.edited(understood)]})


def behaves(world: World, version: str, failing: float, milliseconds: float) -> None:
    """A version begins to answer well or badly."""
    world.prometheus.account()
    world.prometheus.behaves[version] = Behaviour(failing, milliseconds)


def load(world: World, rps: float) -> None:
    """Users come or go."""
    world.prometheus.account()
    world.prometheus.requests_per_second = rps


def trouble(world: World, kind: str, calls: int, of: str) -> None:
    """The API server fails the operator's next calls."""
    world.leader.connection.troubles.append(Trouble(kind, calls, of))


def conflict(world: World) -> None:
    """Somebody else writes the Rollout between the operator's reading and writing."""
    if world.exists:
        meta = world.root["metadata"]
        notes = {**meta["annotations"], "example.com/touched": f"{world.now:.3f}"}
        world.cluster.put({**world.root, "metadata": {**meta, "annotations": notes}})


def slow_api(world: World, seconds: float) -> None:
    """Every call of the leader takes a while, so that the world turns between two writes of one plan."""
    world.leader.connection.latency = lambda: seconds


def crash(world: World, writes: int) -> None:
    """The operator dies, at once or between two later writes."""
    world.crash(writes)


def hand_over(world: World) -> None:
    """Another replica takes the Lease."""
    world.hand_over()


def deaf(world: World, seconds: float) -> None:
    """The leader's watches break; what it hears next is a new list."""
    world.leader.lose_watches(seconds)


def clock(world: World, seconds: float) -> None:
    """The node's calendar jumps."""
    world.jump(seconds)


def wait(world: World) -> None:
    """Nothing happens."""


Draw = Callable[[random.Random], tuple[Any, ...]]
_VERSION: Draw = lambda r: (r.choice(VERSIONS),)  # noqa: E731
EDITS = ({"percent": 90}, {"step": 0, "percent": 0}, {"state": "Healthy", "message": "all is well"}, {"failed": []})

ALL: dict[str, tuple[Callable[..., None], int, Draw]] = {
    "want": (want, 14, lambda r: (r.choice((*VERSIONS, "v2", "missing")),)),
    "template": (template, 2, lambda r: (r.choice((2048, 4096)),)),
    "scale": (scale, 4, lambda r: (r.choice((1, 2, 3, 5)),)),
    "step_list": (step_list, 4, lambda r: (r.choice(STEPS), r.choice((5, 10)))),
    "name_gateway": (name_gateway, 3, lambda r: (r.choice(("elsewhere", GATEWAY)),)),
    "command": (command, 12, lambda r: (r.choice(COMMANDS), r.choice(VERSIONS))),
    "version_turns": (
        version_turns,
        5,
        lambda r: (r.choice(VERSIONS), r.choice(("Ready", "Evaluating", "Rejected", "Failed", "Deleted"))),
    ),
    "edit_route": (edit_route, 3, lambda r: (r.choice((0, 1, 50, 100)),)),
    "edit_status": (edit_status, 1, lambda r: (r.choice(EDITS),)),
    "wipe_status": (wipe_status, 1, lambda r: ()),
    "recreate": (recreate, 1, lambda r: ()),
    "fate": (fate, 10, lambda r: (r.choice(VERSIONS), r.choice(FATES))),
    "lose_pods": (lose_pods, 5, lambda r: (r.choice(VERSIONS), r.choice((0.5, 1.0)))),
    "freeze": (freeze, 2, lambda r: (r.choice((3.0, 15.0)),)),
    "gateway": (gateway, 6, lambda r: (r.choice(MOODS),)),
    "prometheus": (prometheus, 6, lambda r: (r.random() < 0.5, r.choice((0.05, 0.05, 4.0)))),
    "dark": (dark, 3, lambda r: ()),
    "sources": (sources, 4, lambda r: (r.choice(MOODS_OF_SOURCES),)),
    "measure": (measure, 3, lambda r: (measures.draw(r),)),
    "query": (query, 5, lambda r: (r.random() < 0.3,)),
    "behaves": (behaves, 12, lambda r: (r.choice(VERSIONS), r.choice((0.0, 1.0, 8.0, 100.0)), r.choice((90.0, 350.0)))),
    "load": (load, 4, lambda r: (r.choice((0.0, 0.5, 60.0)),)),
    "trouble": (trouble, 8, lambda r: (r.choice(TROUBLES), r.choice((1, 2, 5, 12)), r.choice(KINDS))),
    "conflict": (conflict, 3, lambda r: ()),
    "slow_api": (slow_api, 2, lambda r: (r.choice((0.02, 0.4)),)),
    "crash": (crash, 10, lambda r: (r.randrange(9),)),
    "hand_over": (hand_over, 4, lambda r: ()),
    "deaf": (deaf, 4, lambda r: (r.choice((2.0, 20.0)),)),
    "clock": (clock, 3, lambda r: (r.choice(JUMPS),)),
    "wait": (wait, 4, lambda r: ()),
}
GAPS = (0.0, 0.0, 0.03, 0.3, 1.0, 3.0, 6.0, 12.0, 25.0)


def draw(dice: random.Random) -> Disturbance:
    """Return one disturbance."""
    name = dice.choices(list(ALL), [weight for _, weight, _ in ALL.values()])[0]
    return Disturbance(dice.choice(GAPS), name, ALL[name][2](dice))
