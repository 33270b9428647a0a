"""What may a user add to a pod: priority, place, rights, variables, volumes?

Only what Pod Security *restricted* allows. The pod's image, command, user and resources stay Slipway's or are told
elsewhere in the spec.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from slipway.api.base import Model, OneOf, Quantity, Rule, bounded
from slipway.api.common import Toleration
from slipway.api.placement import Affinity, LabelValue
from slipway.api.web import SecretKeyName

Subdomain = Annotated[
    str,
    bounded(
        253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        says="use lower case letters, digits, '-' and '.', with a letter or digit at both ends",
    ),
]
MapKey = Annotated[str, bounded(317)]
_KEY: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_RESERVED: Final = (
    r"^(slipway\.dev/.*|kueue\.x-k8s\.io/.*|batch\.kubernetes\.io/.*|prometheus\.io/.*|app\.kubernetes\.io/managed-by|"
    r"job-name|controller-uid|pod-template-hash)$"
)
OWN_VARIABLES: Final = (
    "HOME",
    "TMPDIR",
    "PYTHONUNBUFFERED",
    "OMP_NUM_THREADS",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
)
"""Variables that Slipway's own pods set; so are all that begin with SLIPWAY_."""


def _keys(field: str, example: str) -> Rule:
    """Return the rule that the keys of the map `field` are such as Kubernetes takes."""
    return Rule(
        f"!has(self.{field}) || self.{field}.all(key, key.matches(r'{_KEY}'))",
        f"a key is written name or domain/name, for example {example}",
        field_path=f".{field}",
    )


def _free(field: str) -> Rule:
    """Return the rule that no key of the map `field` is one by which objects are found again."""
    return Rule(
        f"!has(self.{field}) || !self.{field}.exists(key, key.matches(r'{_RESERVED}'))",
        "keys of slipway.dev, kueue.x-k8s.io, batch.kubernetes.io and prometheus.io, app.kubernetes.io/managed-by, "
        "job-name, controller-uid and pod-template-hash are set by others: choose another key",
        field_path=f".{field}",
    )


class LocalSecret(Model):
    """A Secret of the object's own namespace."""

    name: Subdomain = Field(description="name of the Secret.")


class SecretKeySelector(Model):
    """One value of a Secret of the object's own namespace."""

    name: Subdomain = Field(description="name of the Secret.")
    key: SecretKeyName = Field(description="key whose value is meant.")


class ConfigMapKeySelector(Model):
    """One value of a ConfigMap of the object's own namespace."""

    name: Subdomain = Field(description="name of the ConfigMap.")
    key: SecretKeyName = Field(description="key whose value is meant.")


class VariableSource(OneOf):
    """Where the value of a variable lies; exactly one member must be set."""

    secret_key_ref: SecretKeySelector | None = Field(
        default=None, description="secretKeyRef is a value of a Secret; only the pod ever reads it."
    )
    config_map_key_ref: ConfigMapKeySelector | None = Field(
        default=None, description="configMapKeyRef is a value of a ConfigMap."
    )


class Variable(Model):
    """A variable of the pod's environment."""

    rules = (
        Rule("has(self.value) != has(self.valueFrom)", "set value or valueFrom, one of them"),
        Rule(
            f"!(self.name in [{', '.join(repr(name) for name in OWN_VARIABLES)}]) && !self.name.startsWith('SLIPWAY_')",
            "Slipway sets this variable itself: remove it",
        ),
    )

    name: Annotated[
        str,
        bounded(
            128,
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            says="write the name of a variable in letters, digits and '_', not beginning with a digit",
        ),
    ] = Field(description="name of the variable, for example HTTPS_PROXY.")
    value: Annotated[str, bounded(4096, minimum=0)] | None = Field(
        default=None, description="value of the variable, for everyone to read."
    )
    value_from: VariableSource | None = Field(
        default=None, description="valueFrom says where the value lies; exactly one member must be set."
    )


class ConfigMapVolume(Model):
    """The files of a ConfigMap."""

    name: Subdomain = Field(description="name of the ConfigMap, of the object's own namespace.")


class SecretVolume(Model):
    """The files of a Secret."""

    secret_name: Subdomain = Field(description="secretName is the Secret, of the object's own namespace.")


class ClaimVolume(Model):
    """A volume that outlives the pod."""

    claim_name: Subdomain = Field(description="claimName is the PersistentVolumeClaim, of the object's own namespace.")


class EmptyDirVolume(Model):
    """A folder that lives and dies with the pod."""

    size_limit: Quantity = Field(description="sizeLimit of the folder; a pod that writes more is evicted.")
    medium: Literal["Memory"] | None = Field(
        default=None,
        description="medium Memory keeps it in memory, which counts against the pod's limit; absent means on disk.",
    )


class VolumeSource(OneOf):
    """What is mounted; exactly one member must be set."""

    config_map: ConfigMapVolume | None = Field(default=None, description="configMap mounts the files of a ConfigMap.")
    secret: SecretVolume | None = Field(default=None, description="secret mounts the files of a Secret.")
    persistent_volume_claim: ClaimVolume | None = Field(
        default=None, description="persistentVolumeClaim mounts a volume that outlives the pod, for example a cache."
    )
    empty_dir: EmptyDirVolume | None = Field(
        default=None, description="emptyDir mounts a folder that lives and dies with the pod."
    )


class Volume(Model):
    """A volume, and where it is mounted."""

    rules = (
        Rule(
            "!self.mountPath.matches(r'^/(slipway|proc|sys|dev|etc)(/.*)?$') && !self.mountPath.contains('..')",
            "/slipway, /proc, /sys, /dev and /etc are taken, and '..' leads out: choose another mountPath, for example "
            "/mnt/cache",
        ),
        Rule(
            "!has(self.readOnly) || !self.readOnly || !has(self.source.emptyDir)",
            "an emptyDir that nobody can write stays empty: remove readOnly",
        ),
    )

    name: Annotated[
        str,
        bounded(
            50,
            pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            says="use lower case letters, digits and '-', with a letter or digit at both ends",
        ),
    ] = Field(description="name of the volume, unique in the list.")
    mount_path: Annotated[
        str,
        bounded(
            256,
            pattern=r"^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$",
            says="write an absolute path in letters, digits, '.', '_', '-' and '/', for example /mnt/cache",
        ),
    ] = Field(description="mountPath is where the pod finds it.")
    sub_path: (
        Annotated[
            str,
            bounded(
                256,
                pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._/-]*$",
                says="write a path inside the volume, without a leading '/' or '.'",
            ),
        ]
        | None
    ) = Field(default=None, description="subPath is the part of the volume to mount; absent means all of it.")
    read_only: bool | None = Field(
        default=None,
        description="readOnly says whether the pod may only read it; absent means true for configMap and secret.",
    )
    source: VolumeSource = Field(description="source is what is mounted; exactly one member must be set.")


class PodOptions(Model):
    """How a pod gets its priority, its place and its surroundings. What it asks for of a node is in resources."""

    rules = (
        _keys("nodeSelector", "topology.kubernetes.io/zone"),
        _keys("labels", "team"),
        _keys("annotations", "example.com/owner"),
        _free("labels"),
        _free("annotations"),
        Rule(
            "!has(self.volumes) || self.volumes.all(v, self.volumes.filter(w, w.mountPath == v.mountPath).size() == 1)",
            "two volumes have the same mountPath: give each its own",
            field_path=".volumes",
        ),
        Rule(
            "!has(self.nodeSelector) || !('nvidia.com/gpu.product' in self.nodeSelector)",
            "the product of the GPU is named in resources.gpu.product: move it there",
            field_path=".nodeSelector",
        ),
    )

    priority_class_name: Subdomain | None = Field(
        default=None,
        description="priorityClassName is the PriorityClass by which the pod is scheduled, and by which it may preempt "
        "others or be preempted; absent means the cluster's default.",
    )
    node_selector: dict[MapKey, LabelValue] | None = Field(
        default=None, min_length=1, max_length=16, description="nodeSelector is the labels that the node must have."
    )
    affinity: Affinity | None = Field(default=None, description="affinity says where the pod wants to run.")
    tolerations: list[Toleration] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="tolerations let the pod run on tainted nodes, besides those in resources. They reach every pod of "
        "the object, also the small ones that only verify, count or draw.",
    )
    runtime_class_name: Subdomain | None = Field(
        default=None,
        description="runtimeClassName is the RuntimeClass that runs the containers, for example nvidia or gvisor.",
    )
    service_account_name: Subdomain | None = Field(
        default=None,
        description="serviceAccountName is the ServiceAccount that the pod runs as, for its pull secrets or a cloud's "
        "identity; absent means default. No token for the Kubernetes API is mounted.",
    )
    image_pull_secrets: list[LocalSecret] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="imagePullSecrets to pull images with, of type kubernetes.io/dockerconfigjson.",
    )
    env: list[Variable] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="env is what the environment holds besides Slipway's variables.",
    )
    volumes: list[Volume] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="volumes to mount, of the kinds that Pod Security restricted allows.",
    )
    labels: dict[MapKey, LabelValue] | None = Field(
        default=None, min_length=1, max_length=16, description="labels of the pod, besides Slipway's."
    )
    annotations: dict[MapKey, Annotated[str, bounded(4096, minimum=0)]] | None = Field(
        default=None, min_length=1, max_length=16, description="annotations of the pod, besides Slipway's."
    )
