"""What is the smallest room that uses everything the engine offers?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from slipway.names import root_labels
from slipway.plan import Ask, Event, Facts, Key, Manifest, Plan, PrometheusQuery, View
from slipway.relations import version

SPACE = "demo"


class ToyRoom:
    """`spec.maps` ConfigMaps and one Job of content `spec.value`; status counts what is there."""

    kind = "Dataset"
    owns = frozenset({"ConfigMap", "Job"})

    def plan(self, root: Manifest, view: View, facts: Facts, now: datetime) -> Plan:
        spec, meta, before = root["spec"], root["metadata"], root.get("status") or {}
        if spec.get("bug"):
            raise ZeroDivisionError("a bug in the room")
        labels = root_labels(self.kind, meta["name"], meta["uid"])

        def child(kind: str, api: str, name: str, **content: Any) -> dict[str, Any]:
            where = {"name": name, "namespace": meta["namespace"], "labels": labels}
            return {"apiVersion": api, "kind": kind, "metadata": where, **content}

        value = str(spec.get("value", ""))
        fixed = {"immutable": True} if spec.get("immutable") else {}
        children = [
            child("ConfigMap", "v1", f"{meta['name']}-{i}", data={"value": value}, **fixed)
            for i in range(spec.get("maps", 0))
        ]
        if spec.get("job"):
            template = {"spec": {"containers": [{"name": "main", "args": [value]}]}}
            children.append(child("Job", "batch/v1", f"{meta['name']}-job", spec={"template": template}))
        if spec.get("route"):
            http = {"rules": [{"backendRefs": [{"name": "a", "weight": 90}, {"name": "b", "weight": 10}]}]}
            children.append(child("HTTPRoute", "gateway.networking.k8s.io/v1", meta["name"], spec=http))
        there = len([o for o in view.owned(meta["uid"]) if o["kind"] in self.owns])
        status: dict[str, Any] = {"state": "Ready" if there == len(children) else "Pending", "children": there}
        if spec.get("measure"):
            return self._measuring(before, facts, now)
        asks = [Ask(f"{meta['generation']}", PrometheusQuery(spec["ask"]))] if spec.get("ask") else []
        if (answer := facts.answers.get(str(meta["generation"]))) is not None:
            status["answer"] = answer.error or str(answer.series[0][1])
            asks = []
        elif "answer" in before and before.get("generation") == meta["generation"]:
            status["answer"], asks = before["answer"], []
        status["generation"] = meta["generation"]
        if spec.get("restless"):
            status["at"] = now.isoformat()
        events = [Event("Counted", f"{there} children")] if there != before.get("children") else []
        wake = timedelta(seconds=spec["wake"]) if spec.get("wake") else None
        ahead = frozenset(("ConfigMap", f"{meta['name']}-{i}") for i in spec.get("ahead", ()))
        settled = bool(spec.get("settled"))
        return Plan(status, children, ahead=ahead, events=events, asks=asks, requeue_after=wake, settled=settled)

    def _measuring(self, before: Manifest, facts: Facts, now: datetime) -> Plan:
        """Ask, write the answer's moment down, ask again a moment later: as a Rollout does while it is judged."""
        last = str(before.get("measured", ""))
        if last in facts.answers:
            last = now.isoformat()
        due = not last or now >= datetime.fromisoformat(last) + timedelta(seconds=0.2)
        asks = [Ask(last, PrometheusQuery("1"))] if due else []
        return Plan({"measured": last}, asks=asks, requeue_after=timedelta(seconds=0.2))

    def wakes(self, changed: Manifest, view: View, before: Manifest | None = None) -> Iterable[Key]:
        for root in view.related(self.kind, SPACE, version(changed["metadata"]["name"])):
            yield Key(self.kind, SPACE, root["metadata"]["name"])


def dataset(name: str = "data", **spec: Any) -> dict[str, Any]:
    """Return a root of the toy room."""
    meta = {"name": name, "namespace": SPACE}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": "Dataset", "metadata": meta, "spec": spec}
