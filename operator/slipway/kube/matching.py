"""Is a child still what its plan says?"""

from __future__ import annotations

from typing import Any

import orjson

from slipway.kube.projection import digest, project
from slipway.kube.sealed import Sealed
from slipway.names import HASH_ANNOTATION
from slipway.plan import Manifest


def normal(value: Any) -> Any:
    """Return `value` as it will come back from the API server: plain JSON."""
    return orjson.loads(orjson.dumps(value))


def owner_reference(root: Manifest) -> dict[str, Any]:
    """Return the reference that makes `root` the controller of a child."""
    return {
        "apiVersion": root["apiVersion"],
        "kind": root["kind"],
        "name": root["metadata"]["name"],
        "uid": root["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def stamped(manifest: Manifest, owner: Manifest | None) -> dict[str, Any]:
    """Return `manifest` as it is sent: with its owner, and with the hash of all that is sent."""
    wanted: dict[str, Any] = normal(manifest)
    meta = wanted["metadata"]
    if owner is not None:
        meta["ownerReferences"] = [owner_reference(owner)]
    mark = digest(wanted)
    meta["annotations"] = {**meta.get("annotations", {}), HASH_ANNOTATION: mark}
    return wanted


def mark_of(obj: Manifest) -> str:
    """Return the hash that an object carries, or an empty string."""
    return str((obj["metadata"].get("annotations") or {}).get(HASH_ANNOTATION, ""))


def fingerprint(cached: Manifest, wanted: Manifest) -> str:
    """Return a hash of all that only we should change: the content, and the metadata that `wanted` names.

    Status, and annotations or labels that others add, do not count.
    """
    content = {name: value for name, value in cached.items() if name not in {"metadata", "status"}}
    meta, named = cached["metadata"], wanted["metadata"]
    kept = {
        field: {name: (meta.get(field) or {}).get(name) for name in named.get(field) or ()}
        for field in ("labels", "annotations")
    }
    return digest([content, kept, meta.get("ownerReferences")])


def is_current(wanted: Manifest, cached: Manifest, last: str | None) -> bool:
    """Tell whether `cached` needs no write to be `wanted`.

    `last` is the fingerprint after our own last write of this object. Without it (we have just started) the object must
    contain everything wanted; an addition inside a list that we own whole shows only against `last`.
    """
    if mark_of(wanted) != mark_of(cached):
        return False
    if last is not None:
        return fingerprint(cached, wanted) == last
    return contains(cached, project(wanted))


def contains(found: Any, wanted: Any) -> bool:
    """Tell whether `found` has everything in `wanted`; lists must have the same length."""
    # Both come from JSON, so that exact types tell; asked of every field of every child at each reconcile.
    if found == wanted:
        return True
    if type(wanted) is Sealed:
        return type(found) is Sealed and contains(found.opened(), wanted.opened())
    if type(wanted) is dict:
        return type(found) is dict and all(
            name in found and contains(found[name], value) for name, value in wanted.items()
        )
    if type(wanted) is list:
        return (
            type(found) is list
            and len(found) == len(wanted)
            and all(contains(f, w) for f, w in zip(found, wanted, strict=True))
        )
    return False
