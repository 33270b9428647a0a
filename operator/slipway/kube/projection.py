"""Which parts of an object does the store keep?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from slipway.kube.sealed import Sealed, as_json, written
from slipway.names import UID_LABEL
from slipway.plan import Manifest

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_POD_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_POD_STATUS = (
    "phase",
    "reason",
    "message",
    "conditions",
    "containerStatuses",
    "initContainerStatuses",
    "startTime",
)
_SPEC_READ: Mapping[str, frozenset[str]] = {
    "Deployment": frozenset({"replicas"}),
    "NetworkPolicy": frozenset(),
    "PodDisruptionBudget": frozenset(),
    "Service": frozenset(),
}
"""What rooms read of the specs that are large and else only compared; the rest is sealed."""


def project(obj: Mapping[str, Any], like: bytes = b"") -> dict[str, Any]:
    """Return what the rooms and the engine may need of `obj`; the rest would only cost memory.

    `like` is the `pattern` of an object of its kind.
    """
    match obj["kind"]:
        case "Pod":
            return _pod(obj)
        case "ConfigMap":
            return _config_map(obj)
        case kind:
            found = {**obj, "metadata": _metadata(obj["metadata"])}
            return found if kind not in _SPEC_READ else _sealed(found, _SPEC_READ[kind], like)


def pattern(obj: Mapping[str, Any]) -> bytes:
    """Return what others of the kind of `obj` are sealed by: most of it is in them too."""
    return written(_unread(obj)) if obj["kind"] in _SPEC_READ else b""


def _sealed(obj: dict[str, Any], read: frozenset[str], like: bytes) -> dict[str, Any]:
    spec = obj.get("spec") or {}
    kept = {name: spec[name] for name in read if name in spec}
    return {**obj, "spec": kept | {"sealed": Sealed(_unread(obj), like)}}


def _unread(obj: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (obj.get("spec") or {}).items() if name not in _SPEC_READ[obj["kind"]]}


def _metadata(meta: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in meta.items() if name != "managedFields"}
    annotations = kept.get("annotations")
    if annotations and LAST_APPLIED in annotations:
        kept["annotations"] = {name: value for name, value in annotations.items() if name != LAST_APPLIED}
    return kept


def _pod(obj: Mapping[str, Any]) -> dict[str, Any]:
    meta, status = obj["metadata"], obj.get("status") or {}
    return {
        "apiVersion": obj["apiVersion"],
        "kind": "Pod",
        "metadata": {name: meta[name] for name in _POD_META if name in meta},
        "status": {name: status[name] for name in _POD_STATUS if name in status},
    }


def _config_map(obj: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in obj.items() if name not in {"data", "binaryData"}}
    content = {name: obj[name] for name in ("data", "binaryData") if obj.get(name)}
    return {**kept, "metadata": _metadata(obj["metadata"]), "dataHash": digest(content)}


def digest(value: Any) -> str:
    """Return a short hash of a JSON value."""
    return hashlib.sha256(orjson.dumps(value, default=as_json, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def version_of(obj: Manifest) -> int:
    """Return the resource version as the number that orders all writes of a cluster."""
    return int(obj["metadata"]["resourceVersion"])


def controller_uid(obj: Manifest) -> str | None:
    """Return the uid of the controlling owner."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def root_uid(obj: Manifest) -> str | None:
    """Return the uid of the root that `obj` belongs to, by its label."""
    found = (obj["metadata"].get("labels") or {}).get(UID_LABEL)
    return str(found) if found else None


def is_going(obj: Manifest) -> bool:
    """Tell whether `obj` is being deleted."""
    return bool(obj["metadata"].get("deletionTimestamp"))
