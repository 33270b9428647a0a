"""How are a status and a write told in one line, and whose are they?"""

from __future__ import annotations

from typing import Any

from slipway.plan import Manifest
from tests.world.gateway import weights


def revision(service: str) -> str:
    """Return the revision that a Service belongs to."""
    return service.rpartition("-")[2]


def revision_of(status: Manifest, who: str) -> str:
    """Return the revision of `stable`, `candidate` or `previous`; empty where there is none."""
    return str((status.get(who) or {}).get("revision", ""))


def told(status: dict[str, Any]) -> str:
    """Return a status in one line."""
    stable, candidate = status.get("stable") or {}, status.get("candidate") or {}
    judged = " ".join(f"{e['metric']}={e['outcome']}" for e in status.get("analysis") or ())
    return (
        f"{status.get('state')}: stable {stable.get('version')}, candidate {candidate.get('version')} at "
        f"{status.get('percent')} %, step {status.get('step')} {judged} | {str(status.get('message'))[:120]}"
    )


def detail(obj: Manifest) -> str:
    """Return what matters of a written object."""
    if obj["kind"] == "HTTPRoute":
        return f" {weights(obj)}"
    return f" replicas={obj['spec']['replicas']}" if obj["kind"] == "Deployment" else ""
