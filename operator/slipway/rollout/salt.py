"""Which salt do the clients of a candidate use?

Drawn once when a candidate starts: during its way no user changes buckets, and the next candidate meets other users
first. Routes do not depend on it, so a client that still uses the last salt is served by one version all the same.
"""

from __future__ import annotations

from slipway.api.rollout import RolloutStatus
from slipway.api.traffic import TrafficStatus
from slipway.contract.artifact import digest_of
from slipway.names import child_name
from slipway.plan import Manifest
from slipway.rollout.rollout import Rollout
from slipway.rollout.situation import Situation
from slipway.workload import metadata

LENGTH = 16


def salt_drawn(s: Situation) -> Situation | None:
    """The salt is that of the spec, else the candidate's own, kept until the next candidate starts."""
    wanted = _wanted(s)
    if wanted == s.status.traffic:
        return None
    return s.moved(traffic=wanted)


def published(rollout: Rollout, status: RolloutStatus) -> list[Manifest]:
    """Return the ConfigMap from which a game's own backend hands header and salt to its clients."""
    sticky = rollout.spec.traffic.sticky
    if sticky is None or status.traffic is None:
        return []
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(rollout.root, child_name(rollout.root.name, "sticky")),
            "data": {"bucketHeader": sticky.bucket_header, "salt": status.traffic.salt},
        }
    ]


def _wanted(s: Situation) -> TrafficStatus | None:
    sticky, candidate = s.spec.traffic.sticky, s.status.candidate
    if sticky is None:
        return None
    if sticky.salt is not None:
        return TrafficStatus(salt=sticky.salt)
    if candidate is None:
        return s.status.traffic or TrafficStatus(salt=_drawn(s, s.status.stable.revision if s.status.stable else ""))
    return TrafficStatus(salt=_drawn(s, candidate.revision))


def _drawn(s: Situation, revision: str) -> str:
    return digest_of([s.rollout.root.uid, revision]).partition(":")[2][:LENGTH]
