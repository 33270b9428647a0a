"""Would the histories notice if a rule of the engine were missing?

Each mutation takes one thing away that keeps Rollouts safe. Histories are lived until one of them breaks a rule: the
rule that the mutation is about, or one that follows from it. A mutation that nothing notices is a hole in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slipway.kube import executor
from slipway.plan import Plan
from slipway.rollout import capacity, decide, feedback, objects, reasons, traffic
from slipway.rollout.analysis import admission, evidence, verdict
from slipway.rollout.rules import RULES, away, commands, memory, moves, towards, warm
from slipway.rollout.situation import Situation
from tests.world.disturbances import Disturbance
from tests.world.histories import History, begin, generate, go_on, in_bulk
from tests.world.measures import Measure
from tests.world.rules import Broken, BrokenRule, Rules

Patch = Callable[[pytest.MonkeyPatch], None]
MOST = 250
"""Histories within which a mutation must be noticed."""


def without(rule: Any) -> Patch:
    """Leave a rule of the engine out."""
    return instead(rule, lambda s: None)


def instead(rule: Any, other: Any) -> Patch:
    """Put another rule in the place of one."""
    assert rule in RULES
    return lambda patch: patch.setattr(decide, "RULES", tuple(other if one is rule else one for one in RULES))


def setting(where: Any, name: str, value: Any) -> Patch:
    """Replace a function or property."""
    return lambda patch: patch.setattr(where, name, value)


def verdict_after_the_hold(s: Situation) -> Situation | None:
    held = s.status.step_started_at is not None and s.elapsed(s.status.step_started_at) >= s.step.hold
    return away.verdict_failed(s) if held else None


def drained_at_once(s: Situation) -> Situation | None:
    return away.drained(replace(s, drain=timedelta(0)))


async def looks_at_nothing(run: executor._Run) -> None:
    pass


def passes_with_few_samples(rollout: Any, status: Any, since: str) -> bool:
    found = {entry.metric: entry for entry in status.analysis}
    newest = [found.get(metric.name) for metric in rollout.spec.analysis.metrics]
    return all(e is not None and e.outcome in ("Pass", "TooFewSamples") and e.at >= since for e in newest)


def passes_of_any_time(rollout: Any, status: Any, since: str) -> bool:
    return bool(ALL_PASS(rollout, status, ""))


def stable_shrinks(spec: Any, status: Any, deployed: Any, held: Any) -> Any:
    found = SIZES(spec, status, deployed, held)
    return [(ref, max(1, size - 1) if ref is status.stable and status.percent else size) for ref, size in found]


def stable_keeps_everything(status: Any) -> dict[str, int]:
    found = SHARES(status)
    return {name: 100 if status.stable and name == status.stable.revision else share for name, share in found.items()}


def stable_shrinks_unwatched(patch: pytest.MonkeyPatch) -> None:
    """Let stable shrink, while nobody looks at how many pods its Deployment asks for."""
    patch.setattr(objects, "sizes", stable_shrinks)
    patch.setattr(Rules, "_sized", lambda rules, operator, deployment: None)


def retiring_shrinks(spec: Any, status: Any, deployed: Any, held: Any) -> Any:
    going = {ref.revision for ref in status.retiring}
    return [(ref, 1 if ref.revision in going else size) for ref, size in SIZES(spec, status, deployed, held)]


def warm_returns_at_once(s: Situation) -> Situation | None:
    return warm.warm_returns(ready_anyway(s))


def serves_with_one_pod(s: Situation) -> Situation | None:
    candidate = s.status.candidate
    return towards.first_version_serves(ready_anyway(s)) if candidate and s.ready(candidate) else None


def ready_anyway(s: Situation) -> Situation:
    pods = {revision: replace(found, ready=99) for revision, found in s.seen.pods.items()}
    return replace(s, seen=replace(s.seen, pods=pods))


def passes_without_an_answer(metric: Any, answer: Any, scope: Any, evidence: Any = None) -> Any:
    found = JUDGE(metric, answer, scope, evidence)
    return replace(found, outcome="Pass") if found.outcome in ("Error", "NoData") else found


def last_figures_again(patch: pytest.MonkeyPatch) -> None:
    """Let the last figures stand in for those that are lost."""
    last: dict[str, Any] = {}

    def judged(metric: Any, answer: Any, scope: Any, evidence: Any = None) -> Any:
        found = JUDGE(metric, answer, scope, evidence)
        if found.outcome in ("Error", "NoData"):
            return last.get(metric.name, found)
        last[metric.name] = found
        return found

    patch.setattr(evidence, "judge", judged)


def all_metrics_act(rollout: Any, status: Any) -> Any:
    return verdict.in_force(rollout, status)


def all_metrics_are_critical(rollout: Any, status: Any) -> Any:
    return tuple(metric.model_copy(update={"critical": True}) for metric in ACTING(rollout, status))


def some_metrics_are_enough(rollout: Any, status: Any, since: str) -> bool:
    return all(not metric.critical for metric in verdict.holding(rollout, status, since))


def asks_for_dry_runs_too(rollout: Any, status: Any) -> Any:
    metrics = [metric.model_copy(update={"dry_run": False}) for metric in rollout.spec.analysis.metrics]
    analysis = rollout.spec.analysis.model_copy(update={"metrics": metrics})
    return CHECKS(replace(rollout, spec=rollout.spec.model_copy(update={"analysis": analysis})), status)


def silence_ends_it_in_any_case(s: Situation) -> Situation | None:
    silence = verdict.silent(s.rollout, s.status, s.now)
    return moves.roll_back(s, reasons.NO_DATA, "silence") if silence is not None else None


def votes_follow_the_weights(*arguments: Any) -> Any:
    found = VOTED(*arguments)
    first = next((route["spec"]["rules"][0]["backendRefs"] for route in found), None)
    for route in found:
        for rule in route["spec"]["rules"]:
            rule["backendRefs"] = first
    return found


def silences_of_confirmed_shares(rollout: Any, status: Any) -> Any:
    """Return the silences where the gateway confirmed the step."""
    return SILENCES(rollout, status) if status.step_started_at is not None else {}


def silence_is_not_told(s: Situation) -> Any:
    status = DESCRIBED(s)
    return status.model_copy(update={"message": status.message.partition("; waiting for")[0]})


def for_whatever_version(s: Situation, name: Any, act: Any) -> Situation | None:
    written = commands.unhandled(s, name)
    if written is None or s.status.candidate is None or s.status.stable is None:
        return ON_CANDIDATE(s, name, act)
    after = act(s, s.status.candidate)
    if isinstance(after, commands.Refusal):
        return commands.refused(s, name, written, after)
    return commands.handled(after, name, written, "Done", "done")


def routes_last(*arguments: Any) -> list[Any]:
    return sorted(CHILDREN(*arguments), key=lambda child: child["kind"] == "HTTPRoute")


def a_word_less(s: Situation) -> Any:
    return DESCRIBED(s).model_copy(update={"message": ""})


def healthy_in_any_case(s: Situation) -> Any:
    status = DESCRIBED(s)
    return status.model_copy(update={"state": "Healthy"}) if status.state == "Progressing" else status


def the_time_in_words(s: Situation) -> Any:
    status = DESCRIBED(s)
    before = s.rollout.status.message
    return status.model_copy(update={"message": f"{status.message} {len(before) % 7}"})


def looks_back_beyond_its_traffic(metric: Any, rollout: Any, status: Any) -> Any:
    scope = SCOPE(metric, rollout, status)
    window = rollout.spec.analysis.window_seconds
    return replace(scope, candidate=replace(scope.candidate, window=window)) if scope is not None else None


def without_the_gateway(patch: pytest.MonkeyPatch) -> None:
    """Take every share for confirmed."""
    without(away.weight_returned)(patch)
    patch.setattr(Situation, "carried", True)


def intent_last(patch: pytest.MonkeyPatch) -> None:
    """Write the status after everything else."""

    async def execute(self: Any, key: Any, room: Any, root: Any, plan: Plan, committed: Any, crowded: Any) -> Any:
        memory = self._memories.setdefault(key, executor._Memory())
        run = executor._Run(self, memory, room, root, plan)
        await run.children()
        await run.prune()
        await run.status(executor.carried(plan.status, root.get("status") or {}))
        committed()
        for event in plan.events if run.announced else ():
            self._recorder.record(root, event)
        return executor.Outcome(run.writes, None)

    patch.setattr(executor.Executor, "execute", execute)


JUDGE, ACTING, CHECKS, VOTED = evidence.judge, verdict.acting, admission._checks, feedback.route
SILENCES = verdict.silences
ALL_PASS, SIZES, SHARES = verdict.all_pass, objects.sizes, traffic.shares
ON_CANDIDATE, CHILDREN, DESCRIBED, SCOPE = commands.on_candidate, objects.children, decide.described, evidence._scope
AGAIN = History(
    0,
    beginning=0,
    lead=20.0,
    disturbances=(
        Disturbance(0.0, "behaves", ("v2", 100.0, 90.0)),
        Disturbance(12.0, "behaves", ("v2", 0.0, 90.0)),
        Disturbance(0.0, "command", ("retry", "v2")),
        Disturbance(25.0, "wait"),
    ),
)
"""v2 fails, and is tried again at once: its failures are still in Prometheus."""

SLOW_ANSWERS = History(
    0, beginning=0, lead=14.0, disturbances=(Disturbance(0.0, "prometheus", (True, 25.0)), Disturbance(60.0, "wait"))
)
"""No measurement comes back in time for the bake."""

IN_BETWEEN = History(
    0,
    beginning=0,
    lead=14.0,
    disturbances=(
        Disturbance(0.0, "behaves", ("v2", 100.0, 90.0)),
        Disturbance(1.0, "crash", (1,)),
        Disturbance(30.0, "wait"),
    ),
)
"""The operator dies as the verdict on v2 stands on the route, and not in the status yet."""

UNHEARD_EDIT = History(
    0,
    beginning=0,
    lead=14.0,
    disturbances=(
        Disturbance(0.0, "behaves", ("v2", 100.0, 90.0)),
        Disturbance(7.0, "deaf", (20.0,)),
        Disturbance(1.0, "edit_route", (50,)),
        Disturbance(30.0, "wait"),
    ),
)
"""While v2 drains, the watches break, and somebody gives it weight again."""

DIED_BEFORE_DELETING = History(
    1025140,
    beginning=10,
    lead=3,
    disturbances=(
        Disturbance(0, "behaves", ("v2", 8.0, 90.0)),
        Disturbance(0, "crash", (4,)),
        Disturbance(9, "edit_route", (1,)),
    ),
)
"""The operator dies after the status that ends a drain, and somebody gives what was to be deleted weight again."""

REFUSES_THE_RETURN = History(
    288,
    beginning=9,
    lead=8,
    disturbances=(
        Disturbance(0, "gateway", ("Refuses",)),
        Disturbance(0, "behaves", ("v2", 100.0, 90.0)),
        Disturbance(0.03, "deaf", (20.0,)),
        Disturbance(3, "behaves", ("v3", 0.0, 350.0)),
        Disturbance(6, "edit_route", (50,)),
        Disturbance(12, "clock", (90.0,)),
        Disturbance(1, "wait"),
    ),
)
"""The gateway refuses the route that takes v2's weight away, and goes on sending to it."""

DRY = History(
    0, beginning=1, lead=0.0, measures=(Measure("never there", "DryRun"),),
    disturbances=(Disturbance(0.0, "want", ("v2",)), Disturbance(60.0, "wait")),
)  # fmt: skip
"""A metric is tried that never gives figures, and silence is a reason to return."""

TRIED = replace(DRY, measures=(Measure("never good enough", "DryRun"),))
"""A metric is tried that no version passes."""

UNREADABLE = replace(DRY, measures=(Measure("never understood", "DryRun"),))
"""A metric is tried whose query Prometheus refuses."""

OUTVOTED = History(
    0,
    beginning=0,
    lead=0.0,
    measures=(Measure("web", "Advisory"), Measure("prometheus", "Advisory", weight=3)),
    disturbances=(Disturbance(0.0, "sources", ("Low",)), Disturbance(0.0, "want", ("v2",)), Disturbance(60.0, "wait")),
)
"""A metric of little weight fails, which is borne."""

OVERRULED = replace(
    OUTVOTED,
    disturbances=(
        Disturbance(0.0, "behaves", ("v2", 100.0, 90.0)),
        Disturbance(0.0, "want", ("v2",)),
        Disturbance(60.0, "wait"),
    ),
)
"""Metrics fail of which none is critical, and which have the weight together."""

LOST = History(
    0, beginning=0, lead=14.0, disturbances=(Disturbance(0.0, "prometheus", (False, 0.05)), Disturbance(60.0, "wait"))
)
"""Prometheus is lost while v2 has a share, and noData says Hold."""

LOST_LATER = replace(LOST, lead=8.0, disturbances=(Disturbance(6.0, "wait"), *LOST.disturbances))
"""The same, after it has given figures."""

MISSPELT = History(
    0, beginning=1, lead=14.0, disturbances=(Disturbance(0.0, "query", (False,)), Disturbance(60.0, "wait"))
)
"""A query is edited to what Prometheus refuses, and silence is a reason to return."""

IN_THE_DARK = History(
    0, beginning=1, lead=0.0,
    disturbances=(Disturbance(0.0, "want", ("v2",)), Disturbance(1.0, "dark"), Disturbance(60.0, "wait")),
)  # fmt: skip
"""Gateway and Prometheus are lost before v2 gets a share, and silence is a reason to return."""

NEVER_TAKEN = History(
    912350, beginning=8, lead=0.0,
    disturbances=(
        Disturbance(0.0, "recreate"),
        Disturbance(0.0, "dark"),
        Disturbance(12.0, "want", ("v2",)),
        Disturbance(60.0, "wait"),
    ),
)  # fmt: skip
"""The Rollout is made anew while gateway and Prometheus are lost, and silence is a reason to return."""

SHOWN = History(0, beginning=7, lead=0.0, disturbances=(Disturbance(0.0, "want", ("v2",)), Disturbance(25.0, "wait")))
"""v2 is shown at the preview's host name as soon as it is ready."""

NO_ROOM = History(
    0, beginning=7, lead=0.0,
    disturbances=(
        Disturbance(0.0, "want", ("v2",)),
        Disturbance(25.0, "fate", ("v1", "BadImage")),
        Disturbance(1.0, "want", ("v1",)),
        Disturbance(5.0, "wait"),
    ),
)  # fmt: skip
"""v1 is kept warm and loses its pods, and somebody wants it back."""

ANEW = History(
    0, beginning=2, lead=0.0, disturbances=(Disturbance(0.0, "recreate"), Disturbance(20.0, "wait"))
)  # fmt: skip
"""The Rollout is created again, with four pods."""

MUTATIONS: dict[str, tuple[Patch, set[str], History | None]] = {
    "weight for pods that are not ready": (
        setting(Situation, "ready", lambda s, ref: 99),
        {"endpoints"},
        SHOWN,
    ),
    "an edit takes the route from the gateway that has it": (
        setting(traffic, "before", lambda seen, name: ()),
        {"gateway"},
        None,
    ),
    "weight stays where the last endpoint is lost": (without(away.endpoints_lost), {"endpoints"}, None),
    "anything promotes": (setting(towards, "proven", lambda s, since: True), {"judged"}, None),
    "too few samples promote": (setting(verdict, "all_pass", passes_with_few_samples), {"judged"}, None),
    "evidence from before the bake promotes": (
        setting(verdict, "all_pass", passes_of_any_time),
        {"judged"},
        SLOW_ANSWERS,
    ),
    "evidence of an earlier attempt is pooled": (
        setting(evidence, "_scope", looks_back_beyond_its_traffic),
        {"evidence"},
        AGAIN,
    ),
    "a failed metric has no consequence": (without(away.verdict_failed), {"verdict"}, None),
    "a verdict waits for the hold": (instead(away.verdict_failed, verdict_after_the_hold), {"verdict"}, None),
    "a failure is forgotten": (
        lambda patch: [patch.setattr(w, "remembered", lambda s, ref: None) for w in (moves, towards)] and None,
        {"pingpong"},
        None,
    ),
    "a command hits whatever version is on its way": (
        setting(commands, "on_candidate", for_whatever_version),
        {"commands"},
        None,
    ),
    "a command acts again and again": (setting(commands, "spent", lambda s, name: ""), {"total", "commands"}, None),
    "pods go before their requests are answered": (instead(away.drained, drained_at_once), {"drain"}, None),
    "nobody looks at the route before pods go": (
        setting(executor._Run, "sure", looks_at_nothing),
        {"drain"},
        UNHEARD_EDIT,
    ),
    "what no status names goes, whatever its weight": (without(away.stray_drains), {"drain"}, DIED_BEFORE_DELETING),
    "a drain does not wait for the gateway": (without_the_gateway, {"drain"}, REFUSES_THE_RETURN),
    "stable shrinks as the candidate grows": (setting(objects, "sizes", stable_shrinks), {"capacity"}, None),
    "stable shrinks, and only its ready pods tell": (stable_shrinks_unwatched, {"ready"}, None),
    "room is given away before it is free": (setting(capacity, "others", lambda stable, held: 0), {"surge"}, None),
    "what retires shrinks at once": (setting(objects, "sizes", retiring_shrinks), {"capacity"}, None),
    "a share rises before its pods are ready": (setting(Situation, "needed", 1), {"ready"}, None),
    "a warm version takes all before it is ready": (
        instead(warm.warm_returns, warm_returns_at_once),
        {"ready"},
        NO_ROOM,
    ),
    "the first version serves with one pod": (
        instead(towards.first_version_serves, serves_with_one_pod),
        {"ready"},
        ANEW,
    ),
    "silence passes": (setting(evidence, "judge", passes_without_an_answer), {"silence"}, LOST),
    "the last figures stand in for lost ones": (last_figures_again, {"silence"}, LOST_LATER),
    "silence on Hold sends back": (instead(away.silent_too_long, silence_ends_it_in_any_case), {"silence"}, LOST),
    "silence has no consequence": (without(away.silent_too_long), {"silence"}, None),
    "silence is not told": (setting(decide, "described", silence_is_not_told), {"silence"}, LOST),
    "a refused query is a version's silence": (
        setting(admission, "excused", lambda *seen: frozenset()),
        {"silence"},
        MISSPELT,
    ),
    "a share that no gateway confirmed is not owed answers": (
        setting(verdict, "silences", silences_of_confirmed_shares),
        {"silence"},
        IN_THE_DARK,
    ),
    "silence counts where no gateway ever took the route": (
        setting(away, "_ever_taken", lambda s: True),
        {"silence"},
        NEVER_TAKEN,
    ),
    "a dry run is awaited": (setting(verdict, "acting", all_metrics_act), {"silence"}, DRY),
    "a dry run sends back": (setting(verdict, "acting", all_metrics_act), {"verdict"}, TRIED),
    "a dry run's query holds": (setting(admission, "_checks", asks_for_dry_runs_too), {"verdict"}, UNREADABLE),
    "every metric is critical": (setting(verdict, "acting", all_metrics_are_critical), {"verdict"}, OUTVOTED),
    "metrics that are not critical need not pass": (
        setting(verdict, "all_pass", some_metrics_are_enough),
        {"judged"},
        None,
    ),
    "metrics that are not critical never send back": (
        setting(verdict, "_failed_weight", lambda metrics, failed: 0.0),
        {"verdict"},
        OVERRULED,
    ),
    "votes go where requests go": (setting(feedback, "route", votes_follow_the_weights), {"votes"}, None),
    "weights do not add up": (setting(traffic, "shares", stable_keeps_everything), {"weights"}, None),
    "routes are written last": (setting(objects, "children", routes_last), {"order"}, None),
    "a verdict that the route alone bears is not heeded": (
        without(memory.verdict_on_route),
        {"verdict", "intent"},
        IN_BETWEEN,
    ),
    "the intent is written last": (intent_last, {"intent", "endpoints"}, None),
    "a state without a message": (setting(decide, "described", a_word_less), {"explained"}, None),
    "Healthy in the middle of a release": (setting(decide, "described", healthy_in_any_case), {"explained"}, None),
    "a status that never rests": (setting(decide, "described", the_time_in_words), {"idempotent"}, None),
    "a step never ends": (without(towards.step_passed), {"rest"}, None),
    "a version not wanted any more stays": (without(away.no_longer_wanted), {"rest"}, None),
    "what is drained is never removed": (without(away.drained), {"rest"}, None),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str) -> None:
    mutate, expected, history = MUTATIONS[name]
    broken = noticed(mutate, [history] if history else (generate(seed) for seed in range(MOST)))
    assert broken is not None, f"{MOST} histories without {name!r} being noticed"
    assert broken.rule in expected, str(broken)


def noticed(mutate: Patch, histories: Iterable[History]) -> Broken | None:
    """Return the first rule that is broken by a mutated engine."""
    with in_bulk():
        for history in histories:
            world = begin(history)  # beginnings are as they should be
            with pytest.MonkeyPatch.context() as patch:
                mutate(patch)
                try:
                    go_on(world, history)
                except BrokenRule as error:
                    return error.broken
    return None
