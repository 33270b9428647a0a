"""What do the words mean with which apiserver, scheduler and kubelet refuse a pod, and what mends it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Cause:
    """Why a pod does not start, in a word, and what to do."""

    reason: str
    cure: str


@dataclass(frozen=True)
class _Known:
    """Words that are known. `{0}`, `{1}` … of the cure are what the pattern's groups found."""

    reason: str
    pattern: str
    cure: str
    says: frozenset[str] = frozenset()
    """Words of kubelet or scheduler by which it is known too."""


_CONFIG: Final = frozenset({"CreateContainerConfigError", "FailedMount"})
_KNOWN: Final[Sequence[_Known]] = (
    # Why no pod is made: admission in the apiserver, told in events of its Job or in a condition of its Deployment.
    _Known(
        "QuotaExceeded",
        r"exceeded quota: ([^,]+),",
        "raise ResourceQuota {0}, free what others use of it, or ask for less in resources",
    ),
    _Known(
        "QuotaNeedsLimits",
        r"failed quota: ([^:]+): must specify ([^;\"]+)",
        "ResourceQuota {0} counts what the pod does not state: give the namespace a LimitRange with defaults for {1}",
    ),
    _Known(
        "LimitRangeViolated",
        r"(?:usage|ratio) per (Container|Pod)",
        "keep resources within the namespace's LimitRange, or change the LimitRange",
    ),
    _Known(
        "PriorityClassNotFound",
        r"no PriorityClass with name (\S+) was found",
        "create PriorityClass {0}, or correct pod.priorityClassName",
    ),
    _Known(
        "ServiceAccountNotFound",
        r"serviceaccount \"([^\"]+)\" not found",
        "create ServiceAccount {0} in this namespace, or correct pod.serviceAccountName",
    ),
    _Known(
        "RuntimeClassNotFound",
        r"RuntimeClass \"([^\"]+)\" not found",
        "create RuntimeClass {0}, or correct pod.runtimeClassName",
    ),
    _Known(
        "PodSecurityViolated",
        r"violates PodSecurity",
        "Slipway's own pods are restricted: look at what pod, a LimitRange or a webhook added to it",
    ),
    _Known(
        "PodDenied",
        r"admission webhook \"([^\"]+)\" denied|ValidatingAdmissionPolicy '([^']+)'",
        "satisfy that policy with pod.labels, pod.annotations or resources, or exempt this namespace from it",
    ),
    _Known(
        "NotTakenByJobSet",
        r"no Job was made of it",
        "see that the controller of JobSet runs: kubectl get pods -n jobset-system",
    ),
    # Why a pod does not start.
    _Known(
        "ImagePullSecretNotFound",
        r"Unable to retrieve some image pull secrets \(([^)]*)\)",
        "create Secret {0} of type kubernetes.io/dockerconfigjson in this namespace, or correct pod.imagePullSecrets",
    ),
    _Known(
        "ImagePullFailed",
        r"\b(?:ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|ImageInspectError)\b",
        "check that the image exists and that nodes reach its registry; a private one needs pod.imagePullSecrets",
    ),
    _Known(
        "SecretNotFound",
        r"secret \"[^\"]+\" not found|couldn't find key \S+ in Secret|references non-existent secret key",
        "create what is missing in this namespace",
    ),
    _Known(
        "ConfigMapNotFound",
        r"configmap \"[^\"]+\" not found|couldn't find key \S+ in ConfigMap|references non-existent config key",
        "create what is missing in this namespace",
    ),
    _Known(
        "VolumeNotFound",
        r"persistentvolumeclaim \"([^\"]+)\" not found",
        "create PersistentVolumeClaim {0} in this namespace, or correct the claimName that names it",
    ),
    _Known("ConfigMissing", r"$.^", "create what is missing in this namespace", _CONFIG),
    _Known(
        "Unschedulable",
        r"didn't match Pod's node affinity/selector",
        "label a node so, or correct pod.nodeSelector, pod.affinity or resources.gpu.product",
    ),
    _Known(
        "Unschedulable",
        r"untolerated taint",
        "add a toleration to pod.tolerations, or take the taint off a node",
    ),
    _Known(
        "Unschedulable",
        r"Insufficient ([^\s,;]+?)\.?(?:[\s,;]|$)",
        "ask for less {0} in resources, free some, or add a node; with a cluster autoscaler this takes minutes",
    ),
    _Known(
        "Unschedulable",
        r"node\(s\) were unschedulable",
        "wait until the node that is drained is back, or let it take pods again: kubectl uncordon",
    ),
    _Known(
        "Unschedulable",
        r"cannot be scheduled",
        "add a node that fits, or ask for less",
        frozenset({"Unschedulable", "SchedulerError"}),
    ),
)


def cause(words: str, word: str = "") -> Cause | None:
    """Return what `words` mean; `word` is the one that the speaker used as a reason. None: it is not known."""
    for known in _KNOWN:
        found = re.search(known.pattern, words)
        if found is not None:
            groups = [group or "" for group in found.groups()]
            return Cause(known.reason, known.cure.format(*groups))
        if word in known.says:
            return Cause(known.reason, known.cure)
    return None


def with_cure(words: str, word: str = "") -> tuple[str, str]:
    """Return the reason (empty: not known) and `words` with what to do."""
    known = cause(words, word)
    return (known.reason, f"{words.rstrip('. ')}; {known.cure}") if known is not None else ("", words)
