"""By which names do roots find each other?

What a root mentions lies in its own namespace; a Gateway's host names are claimed by the Rollouts of all of them. The
store keeps an index of these names: a room that is told of every change cannot compare all with all, which grows with
their square.
"""

from __future__ import annotations

from typing import Any

from slipway.plan import Manifest


def relations(root: Manifest) -> frozenset[str]:
    """Return every name under which `root` is found: what it claims and what it mentions."""
    return claims(root) | mentions(root)


CLAIM = "host:"
"""How a relation begins that is found from every namespace."""


def searched(namespace: str, relation: str) -> str:
    """Return where `relation` of a root in `namespace` is looked for; empty means in all namespaces together."""
    return "" if relation.startswith(CLAIM) else namespace


def claims(root: Manifest) -> frozenset[str]:
    """Return what only one object of a cluster may have: a Rollout's host names, `host:gateway-namespace/gateway/host`.

    Two Rollouts that both route a host name would take each other's requests. The object may be of any shape: what the
    apiserver of another version let pass claims what can be read of it.
    """
    if root["kind"] != "Rollout":
        return frozenset()
    spec = _fields(root.get("spec"))
    traffic, blue_green = _fields(spec.get("traffic")), _fields(_fields(spec.get("strategy")).get("blueGreen"))
    gateway = _fields(traffic.get("gateway"))
    where = f"{gateway.get('namespace') or root['metadata']['namespace']}/{gateway.get('name')}"
    hosts = [*_items(traffic.get("hostnames")), *_items(blue_green.get("previewHostnames"))]
    return frozenset(f"{CLAIM}{where}/{host}" for host in hosts)


def mentions(root: Manifest) -> frozenset[str]:
    """Return what `root` refers to: its line of versions, the ModelVersion it names, the Datasets it reads."""
    spec = _fields(root.get("spec"))
    line = spec.get("model")
    found = {model: line if isinstance(line, str) else ""}
    found |= {version: _name(spec.get("version")), dataset: _name(spec.get("dataset"))}
    members = _items(_fields(_fields(spec.get("source")).get("datasets")).get("members"))
    mixed = {dataset(name) for name in map(_name, members) if name}
    staged = {dataset(name) for name in _of_stages(spec) if name}
    return frozenset(relation(name) for relation, name in found.items() if name) | mixed | staged


def _of_stages(spec: dict[str, Any]) -> list[str]:
    """Return the Datasets of a TrainingJob's stages."""
    recipe = _fields(spec.get("recipe"))
    stages = _items(_fields(recipe.get("causalLM")).get("stages"))
    return [_name(_fields(stage).get("dataset")) for stage in stages]


def model(name: str) -> str:
    """Return the relation of all that belongs to the line of versions `name`."""
    return f"model:{name}"


def version(name: str) -> str:
    """Return the relation of all that names the ModelVersion `name`."""
    return f"version:{name}"


def dataset(name: str) -> str:
    """Return the relation of all that reads the Dataset `name`."""
    return f"dataset:{name}"


def seniority(root: Manifest) -> tuple[str, str]:
    """Return what orders claimants: the oldest wins, and a tie has a winner too."""
    meta = root["metadata"]
    return str(meta.get("creationTimestamp") or ""), str(meta["uid"])


def _name(reference: Any) -> str:
    found = _fields(reference).get("name")
    return found if isinstance(found, str) else ""


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
