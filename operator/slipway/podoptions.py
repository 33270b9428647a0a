"""What do a user's options make of a pod of ours?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from slipway.api.common import Toleration
from slipway.api.pod import PodOptions, Volume

_PREFIX = "pod-"
"""Of the names of a user's volumes, so that they meet none of ours."""


def applied(template: Mapping[str, Any], options: PodOptions | None, containers: Collection[str]) -> dict[str, Any]:
    """Return the pod template with `options`; variables and volumes reach the named containers.

    What Slipway set stays: labels by which pods are found, annotations by which they are scraped, a GPU's product.
    """
    if options is None:
        return dict(template)
    made = {"metadata": _metadata(template["metadata"], options), "spec": _spec(template, options, containers)}
    return {**template, **made}


def _metadata(meta: Mapping[str, Any], options: PodOptions) -> dict[str, Any]:
    added = {"labels": options.labels, "annotations": options.annotations}
    return {**meta, **{name: values | meta.get(name, {}) for name, values in added.items() if values}}


def _spec(template: Mapping[str, Any], options: PodOptions, containers: Collection[str]) -> dict[str, Any]:
    spec: dict[str, Any] = {**template["spec"], **_words(options)}
    if options.node_selector:
        spec["nodeSelector"] = options.node_selector | spec.get("nodeSelector", {})
    if options.tolerations:
        spec["tolerations"] = _tolerations(spec.get("tolerations", ()), options.tolerations)
    volumes = options.volumes or []
    if volumes:
        spec["volumes"] = [*spec.get("volumes", ()), *map(_volume, volumes)]
    for kind in ("initContainers", "containers"):
        if kind in spec:
            spec[kind] = [_equipped(one, options, volumes) if one["name"] in containers else one for one in spec[kind]]
    return spec


def _tolerations(own: Sequence[dict[str, Any]], added: Sequence[Toleration]) -> list[dict[str, Any]]:
    """Return the pod's own tolerations, those of its resources, and the others; each once."""
    more = [one.dump() for one in added]
    return [*own, *(one for one in more if one not in own)]


def _words(options: PodOptions) -> dict[str, Any]:
    """Return what stands in a pod's spec as it stands in the options."""
    found = {
        "priorityClassName": options.priority_class_name,
        "affinity": options.affinity.dump() if options.affinity is not None else None,
        "runtimeClassName": options.runtime_class_name,
        "serviceAccountName": options.service_account_name,
        "imagePullSecrets": [secret.dump() for secret in options.image_pull_secrets or ()],
    }
    return {name: value for name, value in found.items() if value}


def _equipped(container: Mapping[str, Any], options: PodOptions, volumes: Sequence[Volume]) -> dict[str, Any]:
    made = dict(container)
    if options.env:
        made["env"] = [*made.get("env", ()), *(variable.dump() for variable in options.env)]
    if volumes:
        made["volumeMounts"] = [*made.get("volumeMounts", ()), *map(_mount, volumes)]
    return made


def _volume(volume: Volume) -> dict[str, Any]:
    return {"name": f"{_PREFIX}{volume.name}", **volume.source.dump()}


def _mount(volume: Volume) -> dict[str, Any]:
    files = volume.source.config_map is not None or volume.source.secret is not None
    read_only = volume.read_only if volume.read_only is not None else files
    mount: dict[str, Any] = {"name": f"{_PREFIX}{volume.name}", "mountPath": volume.mount_path}
    if volume.sub_path is not None:
        mount["subPath"] = volume.sub_path
    return mount | ({"readOnly": True} if read_only else {})
