"""Which rule was broken, and when?

Every rule is checked where it can first be seen: at a plan, at a write, at the end of a reconcile, or after any event
of the world. What is found is kept until somebody looks, for the reconciler survives exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from slipway.api.conditions import timestamp
from slipway.names import REVISION_LABEL, child_name
from slipway.plan import Event, Facts, Manifest, Plan
from slipway.rollout import pods
from slipway.rollout.pods import Pods
from slipway.rollout.routes import ROUTE_STABLE
from tests.world.capacity import Capacity, carrying, crowded, no_surge, raised, unready
from tests.world.gateway import every_weight, gateways, shares, weights
from tests.world.judgement import unproven
from tests.world.verdicts import borne, faults
from tests.world.words import detail, revision, revision_of, told

if TYPE_CHECKING:
    from tests.world.operator import Operator
    from tests.world.world import World

LAGS = 2.0
"""Seconds that the data plane of a gateway may be behind its report."""
EXTRAPOLATED = 2.0
"""increase() extrapolates to its window's edges: by so much at most where there are few samples."""
UNHEARD = 3.0
"""Seconds in which a gateway may follow an edit of the route that the operator has not undone yet."""
READY = {"Healthy"}
NO_ROUTE: Manifest = {"spec": {"rules": []}}
RECHECKED = 16
"""One in so many plans that tell nothing is decided again; those that tell something always are."""


@dataclass(frozen=True)
class Broken:
    """A broken rule."""

    rule: str
    message: str
    at: float

    def __str__(self) -> str:
        return f"[{self.rule}] at {self.at:.2f} s: {self.message}"


class BrokenRule(AssertionError):
    """A history broke a rule."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(str(broken))
        self.broken = broken


class Rules:
    """Watches a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.found: list[Broken] = []
        self.events: list[Event] = []
        self.trusted = True
        """Nobody edited the status by hand: what it remembers is what was decided."""
        self.writes = 0
        """Writes of operators in all."""
        self.reconciles = 0
        self.given: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str], str] = {}
        """(digest, template) of what was rolled back since it was last retried, and its reason."""
        self._scraped_before: dict[tuple[str, str, str], float] = {}
        """Attempt → requests of its version that Prometheus had seen when it began."""
        self._status: dict[str, Any] = {}
        """The status last written by an operator."""
        self._ready: dict[str, Mapping[str, Pods]] = {}
        """By operator: the pods of each revision as its newest plan knew them."""
        self._weightless: dict[str, float] = {}
        """Service → since when the gateway really sends it nothing."""
        self._seen_live: dict[str, int] | None = None
        self._capacity = Capacity(world)
        self._figures: set[tuple[str, str]] = set()
        """(metric, time) of every answer that had figures."""
        self._asked_for: dict[str, int] = {}
        """By Deployment: the replicas last written."""
        self._condemned: set[str] = set()
        """Revisions on which a route bears a verdict since the status was last written."""
        self._first = ""
        """The revision that a route called stable before any status did, since the status was last written."""

    def broken(self, rule: str, message: str) -> None:
        """Take note of a broken rule."""
        self._world.say(f"BROKEN [{rule}] {message}")
        self.found.append(Broken(rule, message, self._world.now))

    def forget(self) -> None:
        """Somebody took the memory away: what was failed may be tried again, what was stable is unknown."""
        self._failed.clear()
        self._condemned.clear()
        self._first = ""
        self._status = {}
        self.trusted = False

    def answered(self, metric: str, at: datetime) -> None:
        """Note that a source gave figures for a metric."""
        self._figures.add((metric, timestamp(at)))

    # After every event

    def look(self) -> None:
        """Fail if a rule was broken; look at what the gateway does."""
        live = self._world.gateway.live
        if live is not self._seen_live:
            self._seen_live = live
            for service in [name for name, share in live.items() if share]:
                self._weightless.pop(service, None)
            for service in [name for name, share in live.items() if not share]:
                self._weightless.setdefault(service, self._world.now)
        for words in self._capacity.short(self._status) if self.trusted else ():
            self.broken("ready", words)
        if self.found:
            raise BrokenRule(self.found[0])

    # At a plan

    def planned(self, operator: Operator, root: Manifest, plan: Plan, facts: Facts, now: datetime) -> None:
        """Check a plan before anything of it is written."""
        self.reconciles += 1
        if plan.status.get("candidate") or (root.get("status") or {}).get("candidate"):
            self._ready[operator.name] = self._seen(operator)
        status = plan.status
        stable = revision_of(status, "stable")
        kinds = [child["kind"] for child in plan.children]
        if stable and "HTTPRoute" not in kinds and not plan.keep:
            self.broken("weights", "stable is not routed")
        first = next((number for number, kind in enumerate(kinds) if kind != "HTTPRoute"), len(kinds))
        if "HTTPRoute" in kinds[first:]:
            self.broken("order", f"a route waits behind {kinds[first]}, which the API server may refuse")
        self._capacity.planned(root["spec"]["serving"]["replicas"], root.get("status") or {})
        route = operator.store.get("HTTPRoute", self._world.namespace, self._world.name) or {}
        for rule, words in faults(root, status, route, now):
            self.broken(rule, words)
        # One whose Lease is another's gives nothing any more; it may hear of the new route ahead of the new status,
        # and takes what the route says for what is served.
        if operator.leads and self.trusted and raised(root.get("status") or {}, status):
            for words in unready(root, status, self._seen(operator)):
                self.broken("ready", words)
        there = operator.store.owned(root["metadata"]["uid"], "Deployment")
        for words in crowded(root, plan, {one["metadata"]["name"]: one["spec"]["replicas"] for one in there}):
            self.broken("surge", words)
        if self.reconciles % RECHECKED == 0 or plan.events:
            self._decide_again(operator, root, plan, facts, now)

    def _decide_again(self, operator: Operator, root: Manifest, plan: Plan, facts: Facts, now: datetime) -> None:
        # An edit of the status by hand takes a question back; its answer counts when the next move asks it again.
        asked = {ask.id for ask in plan.asks} if self.trusted else set()
        kept = Facts({id: answer for id, answer in facts.answers.items() if id in asked})
        again = self._world.room.plan({**root, "status": plan.status}, operator.store, kept, now)
        if again.status != plan.status:
            differs = [name for name in plan.status if again.status.get(name) != plan.status[name]]
            self.broken("idempotent", f"deciding again changes {differs}")
        elif list(again.children) != list(plan.children) or list(again.events):
            self.broken("idempotent", f"deciding again changes children, or tells {list(again.events)}")

    # At a write

    def wrote(self, operator: Operator, verb: str, obj: Manifest) -> None:
        """Check one write of an operator, as it stands in the cluster now."""
        self.writes += 1
        kind, name = obj["kind"], obj["metadata"]["name"]
        if verb == "status":
            self._status_written(obj["status"], obj)
            return
        self._world.say(f"{operator.name} {verb} {kind}/{name}{detail(obj)}")
        if name == child_name(self._world.name, "feedback"):
            self._votes_routed(obj)
        elif verb == "delete":
            self._deleted(kind, name, obj)
        elif kind == "HTTPRoute":
            self._routed(operator, obj)
        elif kind == "Deployment":
            self._sized(operator, obj)

    def _status_written(self, after: dict[str, Any], root: Manifest) -> None:
        before, self._status = self._status, after
        self._world.say(f"status {told(after)}")
        self._explained(after, root)
        self._spoken(before, after)
        self._note_attempt(after)
        if not self.trusted:
            self.trusted = bool(before)
            return
        self._promoted(before, after, root["spec"])
        self._raised(before, after, root["spec"])
        self._obeyed(before, after)
        self._remembered(before, after)
        self._heeded(before, after)
        self._witnessed(before, after)

    def _explained(self, status: dict[str, Any], root: Manifest) -> None:
        conditions = {c["type"]: c for c in status.get("conditions") or ()}
        state, message = status.get("state"), status.get("message")
        ready = conditions.get("Ready")
        if not message or ready is None:
            self.broken("explained", f"state {state} without message or Ready condition")
            return
        if (ready["status"] == "True") != (state in READY):
            self.broken("explained", f"Ready is {ready['status']} in state {state}")
        if conditions.get("Stalled", {}).get("status") == conditions.get("Reconciling", {}).get("status") == "True":
            self.broken("explained", "both Stalled and Reconciling")
        candidate, stable = status.get("candidate"), status.get("stable")
        wanted = (root["spec"].get("version") or {}).get("name")
        current = status.get("observedGeneration") == root["metadata"]["generation"]
        if state == "Healthy" and current and wanted and (candidate or stable["version"] != wanted):
            self.broken("explained", f"Healthy, but the spec names {wanted}")
        if status.get("percent") and not candidate:
            self.broken("explained", f"{status['percent']} % for no candidate")
        readable = ready["reason"] != "SpecInvalid"  # nothing is decided without a spec, so nothing is told of it
        if candidate and stable and status["percent"] and candidate["version"] not in message and readable:
            self.broken("explained", f"{candidate['version']} has {status['percent']} %, the message does not say so")

    def _spoken(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Nothing passes by silence: there was an answer with figures for every Pass."""
        known = {(entry["metric"], entry["at"]) for entry in before.get("analysis") or ()}
        for entry in after.get("analysis") or ():
            answer = (entry["metric"], entry["at"])
            if entry["outcome"] == "Pass" and answer not in known and answer not in self._figures:
                self.broken("silence", f"{entry['metric']} passes at {entry['at']}, and nobody gave figures then")

    def _promoted(self, before: dict[str, Any], after: dict[str, Any], spec: Manifest) -> None:
        """Only Pass promotes, measured in the bake; and stable is never forgotten."""
        old, new = before.get("stable"), after.get("stable")
        if not old:
            return
        if not new:
            self.broken("judged", "stable is forgotten")
            return
        if new["revision"] == old["revision"]:
            return
        if new["revision"] == (before.get("previous") or {}).get("revision"):
            return  # what was stable until a moment ago, and is still warm
        candidate, baked = before.get("candidate"), before.get("bakeStartedAt")
        if not candidate or candidate["revision"] != new["revision"]:
            self.broken("judged", f"{new['version']} became stable without having been the candidate")
            return
        window = (self._world.spec.get("rollbackWindow") or {}).get("revisions", 0)
        if candidate.get("unjudged") and window:
            return  # it was stable within the window that the spec sets
        if not baked:
            self.broken("judged", f"{new['version']} became stable without a bake")
            return
        held = unproven(spec, after.get("analysis") or (), baked)
        if held:
            self.broken("judged", f"{new['version']} became stable in spite of {held} since its bake began at {baked}")

    def _raised(self, before: dict[str, Any], after: dict[str, Any], spec: Manifest) -> None:
        """A step ends when its metrics pass, measured in it, or when a command says so."""
        mine, then = after.get("candidate"), before.get("candidate")
        if not mine or not then or mine["revision"] != then["revision"] or not before.get("stepStartedAt"):
            return
        if after["step"] <= before["step"] or after.get("stepsHash") != before.get("stepsHash"):
            return
        if any(self._done(before, after, name) for name in ("skip-step", "promote", "promote-full")):
            return
        if _gate(spec, before["step"]):
            self.broken("judged", f"step {before['step']} waits for people, and passed by itself")
        held = unproven(spec, after.get("analysis") or (), before["stepStartedAt"])
        if held:
            self.broken("judged", f"step {before['step']} passed in spite of {held}")

    def _done(self, before: dict[str, Any], after: dict[str, Any], name: str) -> bool:
        """Tell whether command `name` was carried out by this write."""
        old, new = (
            next((c for c in status.get("commands") or () if c["name"] == name), None) for status in (before, after)
        )
        return new is not None and new != old and new["outcome"] == "Done"

    def _obeyed(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """A command acts once, and only on the version that it names."""
        old = {command["name"]: command["value"] for command in before.get("commands") or ()}
        for command in after.get("commands") or ():
            name, value = command["name"], command["value"]
            if old.get(name) == value:
                continue
            if (name, value) in self.given:
                self.broken("commands", f"{name}={value} is handled again")
            self.given.add((name, value))
            version = value.partition("@")[0]
            meant = [(before.get("candidate") or {}).get("version"), self._world.spec["version"]["name"]]
            if command["outcome"] == "Done" and version not in meant:
                self.broken("commands", f"{name}={value} is done while {meant[0]} is on its way")
        rolled = after.get("lastRollback") or {}
        aborted = rolled != (before.get("lastRollback") or {}) and rolled.get("reason") == "Aborted"
        if aborted and not any(n == "abort" and v.startswith(f"{rolled['version']}@") for n, v in self.given):
            self.broken("commands", f"{rolled['version']} is aborted, and nobody said so")

    def _remembered(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """What failed beyond its limit is gone in the same write, and is remembered."""
        known = {(f["revision"], f["at"]) for f in before.get("failed") or ()}
        gone = [f for f in before.get("failed") or () if f["revision"] not in {e["revision"] for e in after["failed"]}]
        if gone:
            if not self._done(before, after, "retry"):
                self.broken("pingpong", f"{[entry['version'] for entry in gone]} forgotten without a retry")
            for entry in gone:
                self._failed.pop((entry["digest"], entry["template"]), None)
        for entry in after.get("failed") or ():
            if (entry["revision"], entry["at"]) not in known:
                self._failed[entry["digest"], entry["template"]] = entry["reason"]
        candidate = after.get("candidate")
        if candidate and after.get("stable") and (candidate["digest"], candidate["template"]) in self._failed:
            self.broken("pingpong", f"{candidate['version']} is tried again though it failed, without retry")

    def _heeded(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """What went to the route ahead of the status is in the next status, whoever writes it."""
        one = revision_of(after, "candidate")
        if one in self._condemned and after.get("lastRollback") == before.get("lastRollback"):
            self.broken("verdict", f"{after['candidate']['version']} stays though the route bears a verdict on it")
        self._condemned.clear()
        if self._first and revision_of(after, "stable") != self._first:
            self.broken("intent", f"the route called {self._first} stable, and the next status does not")
        self._first = ""

    def _note_attempt(self, status: dict[str, Any]) -> tuple[str, float] | None:
        """Return the version of the attempt with traffic, if there is one, and what was scraped of it before that."""
        candidate = status.get("candidate")
        if not candidate or not candidate.get("trafficSince"):
            return None
        version, attempt = candidate["version"], (candidate["revision"], candidate["since"], candidate["trafficSince"])
        scraped = self._world.prometheus.scraped.get(version, 0.0)
        return version, self._scraped_before.setdefault(attempt, scraped)

    def _witnessed(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """A measurement counts requests of this attempt, each once: no earlier attempt's, and none that was lost.

        Lost are requests that met no pod, and those whose counters ended with their container before a scrape saw them.
        """
        attempt = self._note_attempt(after) or self._note_attempt(before)
        if attempt is None:
            return
        version, before_it = attempt
        came = self._world.prometheus.scraped.get(version, 0.0) - before_it
        seen = {(entry["metric"], entry["at"]) for entry in before.get("analysis") or ()}
        for entry in after.get("analysis") or ():
            fresh = (entry["metric"], entry["at"]) not in seen
            if fresh and entry.get("samples", 0) > came * EXTRAPOLATED + 5:
                words = f"{entry['metric']} counts {entry['samples']} requests, Prometheus saw {came:.0f}"
                self.broken("evidence", words)

    def _reached(self, route: Manifest) -> None:
        """A Gateway that took the route keeps it until the one that the spec names has taken it."""
        said = (route.get("status") or {}).get("parents") or ()
        took = {
            entry["parentRef"]["name"]
            for entry in said
            if any(one["type"] == "Accepted" and one["status"] == "True" for one in entry["conditions"])
        }
        if took and not took & set(gateways(route)):
            self.broken("gateway", f"{took} had {route['metadata']['name']} and lost it to {gateways(route)}")

    def _routed(self, operator: Operator, route: Manifest) -> None:
        if not self._owned(route):
            return  # its Rollout is deleted, which the operator has not heard of yet
        for found in every_weight(route):
            if sum(found.values()) != 100:
                self.broken("weights", f"weights {found} do not sum to 100")
        self._answerable(operator, route, "gets")
        self._reached(route)
        status = self._status
        if not self.trusted or not status or route["metadata"]["name"] != self._world.name:
            return
        found = {revision(name): share for name, share in shares(route).items() if share}
        stable, candidate = (revision_of(status, who) for who in ("stable", "candidate"))
        if candidate and (self._condemned_by(route, candidate) or candidate in self._condemned):
            self._condemned.add(candidate)  # the route bears a verdict that the status is to bear next
            candidate, intended = "", {stable: 100}
        elif candidate and not stable and _called_stable(route) == candidate:
            self._first, intended = candidate, {candidate: 100}
        else:
            intended = {stable: 100 - status["percent"]} | ({candidate: status["percent"]} if candidate else {})
        if found != {name: share for name, share in intended.items() if share}:
            self.broken("intent", f"shares {found} are written, status intends {intended}")

    def _votes_routed(self, route: Manifest) -> None:
        """A vote goes to the version that it speaks of, whatever its share."""
        for rule in route["spec"]["rules"]:
            meant = [header["value"] for match in rule["matches"] for header in match["headers"]]
            if meant != [revision(ref["name"]) for ref in rule["backendRefs"]]:
                self.broken("votes", f"votes on {meant} go to {[ref['name'] for ref in rule['backendRefs']]}")

    def _condemned_by(self, route: Manifest, candidate: str) -> bool:
        """Tell whether a route bears a verdict on the candidate that the status does not."""
        verdict = borne(route) or {}
        return verdict.get("revision") == candidate and verdict != self._status.get("lastRollback")

    def _owned(self, child: Manifest) -> bool:
        owners = {owner["uid"] for owner in child["metadata"].get("ownerReferences") or ()}
        return self._world.exists and self._world.root["metadata"]["uid"] in owners

    def _answerable(self, operator: Operator, route: Manifest, verb: str) -> None:
        """No weight for a version without a ready endpoint, as far as the operator knows; stable is the last resort."""
        if not self._status:
            return  # somebody took the memory away, and what is stable has not been written since
        stable, seen = revision_of(self._status, "stable"), self._ready.get(operator.name, {})
        for found in every_weight(route):
            for name, weight in found.items():
                one = revision(name)
                if weight and one != stable and (one not in seen or not seen[one].ready):
                    self.broken("endpoints", f"{one} {verb} {weight} % without a ready endpoint")

    def _seen(self, operator: Operator) -> Mapping[str, Pods]:
        uid = self._world.root["metadata"]["uid"] if self._world.exists else ""
        return pods.read(operator.store.owned(uid, "Pod"), operator.store.owned(uid, "EndpointSlice"))

    def _sized(self, operator: Operator, deployment: Manifest) -> None:
        mine = deployment["metadata"]["labels"][REVISION_LABEL]
        stable, candidate = (revision_of(self._status, who) for who in ("stable", "candidate"))
        root = operator.store.get("Rollout", self._world.namespace, self._world.name)
        full = root["spec"]["serving"]["replicas"] if root is not None else 0
        size, name = deployment["spec"]["replicas"], deployment["metadata"]["name"]
        before, self._asked_for[name] = self._asked_for.get(name, 0), size
        if no_surge(self._world.spec):
            return  # both share the pods that one has; what serves meanwhile is the rule about endpoints
        sent = max(self._world.gateway.live.get(name, 0), weights(self._world.gateway.route() or NO_ROUTE).get(name, 0))
        if sent and size < before and size < carrying(self._capacity.full, sent):
            self.broken("capacity", f"{mine} is sent {sent} % and shrinks from {before} to {size} replicas")
        if mine == stable and size < full:
            self.broken("capacity", f"stable gets {size} of {full} replicas")
        if mine == candidate and stable and size * 100 < full * self._status["percent"]:
            self.broken("capacity", f"the candidate has {self._status['percent']} % and {size} of {full} replicas")

    def _deleted(self, kind: str, name: str, obj: Manifest) -> None:
        if kind not in ("Deployment", "Service", "ControllerRevision"):
            if kind == "HTTPRoute":
                self.broken("weights", "the route is deleted")
            return
        world, status = self._world, self._status
        mine = obj["metadata"]["labels"][REVISION_LABEL]
        for who in ("stable", "candidate"):
            if revision_of(status, who) == mine and self.trusted:
                self.broken("drain", f"{kind} of the {who} is deleted")
        route = world.gateway.route()
        if route is not None and weights(route).get(name):
            self.broken("drain", f"{kind} {name} is deleted while the route gives it weight")
        followed = world.now - world.route_edited_at < UNHEARD
        jumped = world.now - world.clock_jumped_at < 30 or followed
        rested = world.now - self._weightless.get(name, float("-inf"))
        by_our_route = world.gateway.follows in {owner["uid"] for owner in obj["metadata"]["ownerReferences"]}
        if world.gateway.live.get(name) and by_our_route and not jumped:
            self.broken("drain", f"{kind} {name} is deleted while the gateway sends to it")
        elif rested < world.room.settings.drain_seconds - LAGS and not jumped:
            self.broken("drain", f"{kind} {name} is deleted {rested:.1f} s after its last request")

    # At the end of a reconcile

    def reconciled(self, operator: Operator) -> None:
        """Check what stands after a reconcile that succeeded."""
        if not operator.leads or not self.trusted or not self._world.exists:
            return
        route = self._world.gateway.route()
        root = operator.store.get("Rollout", self._world.namespace, self._world.name)
        if route is None or root is None or root["metadata"]["uid"] != self._world.root["metadata"]["uid"]:
            return
        if not self._owned(route):
            return
        heard = operator.store.get("HTTPRoute", self._world.namespace, self._world.name)
        if heard is None or heard["metadata"]["resourceVersion"] != route["metadata"]["resourceVersion"]:
            return  # it has not heard of the newest edit yet
        conditions = self._status.get("conditions") or ()
        refused = any(c["type"] == "ChildrenApplied" and c["status"] == "False" for c in conditions)
        if not self._status or refused:
            return  # the API server refuses an object; the engine says so, and tries on
        self._answerable(operator, route, "keeps")
        stable, kept = revision_of(self._status, "stable"), {revision(name): w for name, w in weights(route).items()}
        for entry in self._status.get("failed") or ():
            if kept.get(entry["revision"]) and entry["revision"] != stable:
                self.broken("verdict", f"{entry['version']} failed and keeps {kept[entry['revision']]} %")

    # At an event

    def told(self, operator: Operator, regarding: Manifest, event: Event) -> None:
        """Check one event that an operator tells."""
        self.events.append(event)
        self._world.say(f"event {event.type} {event.reason}: {event.message[:160]}")


def _called_stable(route: Manifest) -> str:
    """Return the revision that a route calls stable."""
    return str((route["metadata"].get("annotations") or {}).get(ROUTE_STABLE) or "")


def _gate(spec: Manifest, index: int) -> bool:
    """Tell whether people alone end step `index`: a pause without time, or the one after a preview or an A-B test."""
    strategy = spec["strategy"]
    if "canary" in strategy:
        steps = strategy["canary"]["steps"]
        return index < len(steps) and "pause" in steps[index] and not (steps[index]["pause"] or {}).get("seconds")
    asked = strategy.get("abTest", {}).get("atDeadline") == "Pause"
    return index == 1 and (asked or strategy.get("blueGreen", {}).get("autoPromote") is False)
