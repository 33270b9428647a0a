"""Does an older Rollout route a host name that this one wants?

Then the younger one waits: nothing of it starts, and none of its host names is routed that was not before. What it has
on its way is judged on, and returns to stable when it fails.
"""

from __future__ import annotations

from slipway.plan import Manifest, View
from slipway.relations import CLAIM, claims, seniority
from slipway.rollout import reasons
from slipway.rollout.wanted import Unusable


def contested(root: Manifest, view: View) -> Unusable | None:
    """Return who holds a host name of `root`, and the cure; None where nobody older does."""
    namespace = root["metadata"]["namespace"]
    for claim in sorted(claims(root)):
        others = [other for other in view.related("Rollout", namespace, claim) if seniority(other) < seniority(root)]
        if others:
            gateway, _, host = claim.removeprefix(CLAIM).rpartition("/")
            whose, cure = _told(min(others, key=seniority)["metadata"], namespace)
            return Unusable(
                reasons.HOSTNAME_TAKEN, f"host name {host} of Gateway {gateway} belongs to the older {whose}: {cure}"
            )
    return None


def _told(holder: Manifest, namespace: str) -> tuple[str, str]:
    """Return who holds the name, and what can be done about it by somebody who may have only one of the namespaces."""
    if holder["namespace"] == namespace:
        return f"Rollout {holder['name']}", "remove it from the spec of one of the two, or delete one of them"
    whose = f"Rollout {holder['name']} of namespace {holder['namespace']}"
    return whose, "take another one here, or have it removed from the spec of that one, or that one deleted"
