"""Which histories of a Rollout break a rule? `python -m tests.world.histories --seeds 1000 --from 0`.

A history is a beginning and a list of disturbances. After the last one everything is mended, and the Rollout must come
to rest. One that breaks a rule is made smaller before it is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.world import measures
from tests.world.disturbances import Disturbance, draw, measure, name_gateway, query
from tests.world.gateway import GATEWAY
from tests.world.measures import Measure
from tests.world.rules import Broken, BrokenRule
from tests.world.world import World, steps

LEADS = (0.0, 0.0, 3.0, 8.0, 14.0, 20.0, 26.0)
"""Seconds that v2 has had beside v1 when the disturbances begin; 0: v1 serves alone."""
MOST = 6
"""Disturbances of one history."""
BAD = 0.35
"""Share of histories in which v2 is a bad version from the beginning."""
MEASURED = 0.15
"""Share of histories that measure more than errors and latency from the beginning."""
DIES_AT_THE_VERDICT = 0.3
"""Share of those in which the operator dies between two of its next writes, among which those of the verdict may be."""
LAST = (1.0, 1.0, 6.0, 15.0)
"""Seconds from the last disturbance to the end of all trouble."""
COLLECTED = 20
"""Histories between two collections of garbage."""
CALM = 900.0
"""Seconds in which a mended world must come to rest."""
SILENCE = 25.0
"""Seconds without a write after which it rests: longer than any interval, hold or drain."""
RESTING = frozenset({"Healthy", "Degraded", "Stalled", "Pending"})
HELD = frozenset({"Stalled", "Pending", "Paused"})
"""States in which a candidate may stay at its share: the version named cannot serve (yet), or people wait."""


def _spec(
    percents: tuple[int, ...],
    replicas: int,
    rule: dict[str, str],
    action: str,
    *,
    forgiven: int = 0,
    latency: bool = False,
) -> dict[str, Any]:
    errors = {"name": "errors", "errorRate": {**rule, "minSamples": 20}, "failureLimit": forgiven}
    slow = {"name": "latency", "latency": {"maxMilliseconds": 200, "minSamples": 20}}
    return {
        "strategy": steps(*percents, hold=5),
        "serving": {"runtime": {"llamaCpp": {}}, "replicas": replicas},
        "analysis": {
            "intervalSeconds": 5,
            "windowSeconds": 20,
            "metrics": [errors, slow] if latency else [errors],
            "noData": {"afterSeconds": 20, "action": action},
        },
        "bakeSeconds": 10,
    }


ABSOLUTE, RELATIVE = {"maxPercent": "2"}, {"maxIncreasePercent": "2"}
TRAFFIC = {"gateway": {"name": "slipway", "namespace": "gateways"}, "hostnames": ["assistant.example"]}
STICKY = TRAFFIC | {"sticky": {}}
BLUE_GREEN = {"blueGreen": {"previewHostnames": ["preview.example"], "holdSeconds": 5, "scaleDownDelaySeconds": 20}}
PAUSED = {"steps": [{"percent": 20, "holdSeconds": 5}, {"pause": {"seconds": 8}}, {"percent": 60, "holdSeconds": 5}]}
TESTERS = [{"name": "x-tester", "value": "yes"}]
GIVES_WAY = {"mode": "NoSurge", "interruption": "Accept"}
TIGHT = {"steps": [{"percent": 50, "holdSeconds": 5}], "capacity": {"mode": "NoSurge"}}
SHADOWED = {
    "canary": {"steps": [{"mirrorPercent": 100, "holdSeconds": 5}, {"percent": 50, "holdSeconds": 5}]},
}
TEST = {"goal": "errors", "deadlineSeconds": 60}
HALVES = TEST | {"percent": 50, "smallestGainPercent": "5"}
ASKING = TEST | {"percent": 50, "atDeadline": "Pause"}
TRIED = {"name": "tried", "errorRate": {"maxPercent": "50"}, "dryRun": True}
BY_DRY_RUNS = {"steps": [{"percent": percent, "holdSeconds": 5, "metrics": ["tried"]} for percent in (10, 50)]}
"""As no apiserver takes them any more: nothing at a step judges."""


def _trying(spec: dict[str, Any]) -> dict[str, Any]:
    """Return `spec` with a dry run beside its metrics, which its steps name alone."""
    analysis = spec["analysis"]
    return spec | {
        "analysis": analysis | {"metrics": [*analysis["metrics"], TRIED]},
        "strategy": {"canary": BY_DRY_RUNS},
    }


BEGINNINGS: tuple[dict[str, Any], ...] = (
    _spec((10, 50), 2, ABSOLUTE, "Hold"),
    _spec((10, 50), 2, ABSOLUTE, "Rollback", latency=True),
    _spec((5, 20, 60), 4, RELATIVE, "Rollback"),
    _spec((100,), 1, ABSOLUTE, "Rollback"),
    _spec((30,), 1, RELATIVE, "Hold", forgiven=1),
    _spec((25, 50), 3, ABSOLUTE, "Hold", forgiven=1),
    _spec((20, 50), 2, RELATIVE, "Pause") | {"traffic": STICKY, "rollbackWindow": {"revisions": 2}},
    _spec((10,), 2, ABSOLUTE, "Rollback") | {"strategy": BLUE_GREEN},
    _spec((10,), 2, ABSOLUTE, "Rollback") | {"strategy": {"canary": PAUSED | {"headers": TESTERS}}},
    _spec((50,), 3, ABSOLUTE, "Rollback") | {"strategy": {"canary": TIGHT}},
    _spec((50,), 1, ABSOLUTE, "Hold") | {"strategy": {"canary": TIGHT | {"capacity": GIVES_WAY}}},
    _spec((50,), 2, RELATIVE, "Rollback") | {"traffic": STICKY, "strategy": {"abTest": HALVES}},
    _spec((50,), 2, ABSOLUTE, "Rollback") | {"strategy": SHADOWED},
    _spec((50,), 2, RELATIVE, "Hold") | {"strategy": {"abTest": TEST | {"headers": TESTERS}}},
    _spec((50,), 2, RELATIVE, "Hold") | {"traffic": STICKY, "strategy": {"abTest": ASKING}},
    _trying(_spec((10, 50), 2, ABSOLUTE, "Hold")),
)
USUAL = tuple(measures.draw(random.Random(number)) for number in range(len(BEGINNINGS)))
"""By beginning: what is measured where v2 has been on its way with more metrics before the disturbances begin."""


@dataclass(frozen=True)
class History:
    """One life of a Rollout."""

    seed: int
    beginning: int
    """Which of BEGINNINGS."""
    lead: float
    disturbances: tuple[Disturbance, ...]
    measures: tuple[Measure, ...] = ()
    """What is measured from the beginning, beside the metrics of the beginning."""

    def __str__(self) -> str:
        lines = "".join(f"\n    Disturbance{one}," for one in self.disturbances)
        begins = f"seed={self.seed}, beginning={self.beginning}, lead={self.lead:g}"
        more = "".join(f"\n    {one}," for one in self.measures)
        return f"History({begins}, disturbances=({lines}\n)" + (f", measures=({more}\n))" if more else ")")


def generate(seed: int) -> History:
    """Return the history with this seed."""
    dice = random.Random(seed)
    beginning = dice.randrange(len(BEGINNINGS))
    lead, disturbances = dice.choice(LEADS), [draw(dice) for _ in range(dice.randint(1, MOST))]
    if dice.random() < BAD:
        disturbances.insert(0, Disturbance(0.0, "behaves", ("v2", dice.choice((8.0, 40.0, 100.0)), 90.0)))
        if dice.random() < DIES_AT_THE_VERDICT:
            disturbances.insert(1, Disturbance(0.0, "crash", (dice.randint(1, 4),)))
    more: tuple[Measure, ...] = ()
    if dice.random() < MEASURED:
        more = USUAL[beginning] if lead else measures.draw(dice)
        disturbances[:0] = [] if lead else [Disturbance(0.0, "want", ("v2",))]
    return History(seed, beginning, lead, (*disturbances, Disturbance(dice.choice(LAST), "wait")), more)


@functools.cache
def _begun(index: int, more: tuple[Measure, ...]) -> dict[float, bytes]:
    """Return the frozen worlds of a beginning, by the seconds for which v2 has been on its way."""
    world = World(0, **BEGINNINGS[index])
    measure(world, more)
    world.until_state("Healthy")
    world.run(1.0)
    found = {0.0: world.freeze()}
    world.want("v2")
    begun = world.now
    for lead in sorted({*LEADS} - {0.0}):
        world.run(begun + lead - world.now)
        found[lead] = world.freeze()
    return found


def begin(history: History, trace: list[str] | None = None) -> World:
    """Return the world in which the history begins."""
    index, more, lead = history.beginning, history.measures, history.lead
    if more in ((), USUAL[index]):  # no other is kept: few histories would begin with the same
        world = World.thaw(_begun(index, more)[lead], history.seed)
        world.trace = trace
        return world
    world = World.thaw(_begun(index, ())[0.0], history.seed)
    world.trace = trace
    measure(world, more)
    if lead:
        world.want("v2")
        world.run(lead)
    return world


def live(history: History, trace: list[str] | None = None) -> World:
    """Live a history to its end; raise BrokenRule."""
    world = begin(history, trace)
    go_on(world, history)
    return world


def go_on(world: World, history: History) -> None:
    """Live what comes after the beginning."""
    for disturbance in history.disturbances:
        world.run(disturbance.after)
        disturbance.happen(world)
    mend(world)
    settle(world)


def mend(world: World) -> None:
    """End all trouble."""
    world.say("--- all is mended")
    for version in ("v1", "v2", "v3"):
        world.set_version(version)
        world.nodes.turn(version, "Good")
    world.nodes.frozen = False
    world.gateway.turn("Follows")
    world.sources.mood = "Good"
    name_gateway(world, GATEWAY)
    if any(map(measures.refused, world.spec["analysis"]["metrics"])):
        query(world, True)
    world.prometheus.account()
    world.prometheus.up, world.prometheus.delay, world.prometheus.requests_per_second = True, 0.05, 60.0
    world.prometheus.behaves.clear()
    for operator in (world.leader, world.standby):
        operator.connection.troubles.clear()
        operator.connection.crash_after = None
        operator.connection.latency = lambda: 0.0


def settle(world: World) -> None:
    """Wait for rest; it must come, and must be restful."""
    last = [world.rules.writes, world.now]

    def quiet() -> bool:
        if world.rules.writes != last[0]:
            last[:] = [world.rules.writes, world.now]
        return world.now - last[1] >= SILENCE

    def rests() -> bool:
        if not world.exists or not (status := world.root.get("status")):
            return False
        if status.get("retiring") or status.get("previous"):
            return False  # a calendar that was set back makes a drain long, and what is warm stay so for longer
        if status.get("candidate"):
            return status["state"] in HELD or _starved(status)
        return status["state"] in RESTING and quiet()

    try:
        world.until(rests, CALM)
    except BrokenRule:
        raise
    except AssertionError as error:
        raise BrokenRule(Broken("rest", f"no rest {error}", world.now)) from error
    if world.state in RESTING and not world.status.candidate:
        served = world.routed()
        stable = world.status.stable
        if stable is not None and served != {stable.version: 100}:
            raise BrokenRule(Broken("rest", f"{stable.version} is stable, the route says {served}", world.now))
        if world.live() != served:
            raise BrokenRule(Broken("rest", f"the gateway sends {world.live()}, the route says {served}", world.now))


def _starved(status: dict[str, Any]) -> bool:
    """Tell whether a comparison waits for figures of stable that Prometheus never got: held, and said."""
    return any(e["outcome"] == "TooFewSamples" and "stable has" in e["message"] for e in status.get("analysis") or ())


def broken_by(history: History) -> Broken | None:
    """Return the rule that a history breaks first, if any."""
    try:
        live(history)
    except BrokenRule as error:
        return error.broken
    return None


def smaller(history: History, same: Callable[[Broken | None], bool]) -> History:
    """Return the history without the disturbances that the breach does not need."""
    shrunk = True
    while shrunk:
        shrunk = False
        for candidate in _less(history):
            if same(broken_by(candidate)):
                history, shrunk = candidate, True
                break
    return history


def _less(history: History) -> Iterator[History]:
    found = history.disturbances
    for size in (len(found) // 2, 1):
        for start in range(0, len(found), max(size, 1)):
            if size and size < len(found) + 1:
                yield replace(history, disturbances=found[:start] + found[start + size :])
    for i, one in enumerate(found):
        if one.after:
            yield replace(history, disturbances=(*found[:i], replace(one, after=0.0), *found[i + 1 :]))
    for i in range(len(history.measures)):
        yield replace(history, measures=(*history.measures[:i], *history.measures[i + 1 :]))


def explain(history: History, broken: Broken) -> str:
    """Return a broken history as small as it gets, with what happened in it."""
    small = smaller(history, lambda found: found is not None and found.rule == broken.rule)
    trace: list[str] = []
    try:
        live(small, trace)
    except BrokenRule as error:
        broken = error.broken
    return f"{broken}\n{small}\n" + "\n".join(trace)


@contextlib.contextmanager
def in_bulk() -> Iterator[None]:
    """Live many histories: the garbage of the last ones is collected between them, and refusals are not logged."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


def search(seeds: Iterable[int]) -> Iterator[tuple[History, Broken]]:
    """Yield the histories of these seeds that break a rule."""
    with in_bulk():
        for number, seed in enumerate(seeds):
            if number % COLLECTED == COLLECTED - 1:
                gc.collect()
            history = generate(seed)
            broken = broken_by(history)
            if broken is not None:
                yield history, broken


def main() -> None:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--from", type=int, default=0, dest="first")
    options = parser.parse_args()
    begun, found = time.process_time(), []
    for history, broken in search(range(options.first, options.first + options.seeds)):
        found.append((history, broken))
        print(f"seed {history.seed}: {broken}", flush=True)
    spent = time.process_time() - begun
    if found:
        print(explain(*found[0]))
    print(f"{options.seeds} histories, {len(found)} broken, {options.seeds / spent:.1f} a second of CPU time")


if __name__ == "__main__":
    main()
