"""Is what apiserver, scheduler and kubelet say understood? The words are such as Kubernetes 1.34 writes."""

from __future__ import annotations

import pytest

from slipway.causes import with_cure

FORBIDDEN = 'Error creating: pods "x-1" is forbidden: '
CASES = [
    (
        FORBIDDEN + "exceeded quota: compute, requested: requests.memory=8Gi, used: requests.memory=1Gi, "
        "limited: requests.memory=4Gi",
        "",
        "QuotaExceeded",
        "raise ResourceQuota compute,",
    ),
    (
        FORBIDDEN + "failed quota: compute: must specify limits.cpu for: main; limits.memory for: init",
        "",
        "QuotaNeedsLimits",
        "ResourceQuota compute counts what the pod does not state: give the namespace a LimitRange with defaults for "
        "limits.cpu for: main",
    ),
    (
        FORBIDDEN + "maximum memory usage per Container is 1Gi, but limit is 8Gi",
        "",
        "LimitRangeViolated",
        "keep resources within the namespace's LimitRange",
    ),
    (
        FORBIDDEN + "no PriorityClass with name batch-low was found",
        "",
        "PriorityClassNotFound",
        "create PriorityClass batch-low, or correct pod.priorityClassName",
    ),
    (
        FORBIDDEN + 'error looking up service account team-a/trainer: serviceaccount "trainer" not found',
        "",
        "ServiceAccountNotFound",
        "create ServiceAccount trainer in this namespace",
    ),
    (
        FORBIDDEN + 'pod rejected: RuntimeClass "gvisor" not found',
        "",
        "RuntimeClassNotFound",
        "create RuntimeClass gvisor",
    ),
    (
        'Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: label team is missing',
        "",
        "PodDenied",
        "exempt this namespace from it",
    ),
    (
        "pod x-1: Unable to retrieve some image pull secrets (registry); attempting to pull the image may not succeed.",
        "FailedToRetrieveImagePullSecret",
        "ImagePullSecretNotFound",
        "create Secret registry of type kubernetes.io/dockerconfigjson",
    ),
    (
        'pod x-1: ImagePullBackOff: Back-off pulling image "r/x": 401 Unauthorized',
        "ImagePullBackOff",
        "ImagePullFailed",
        "a private one needs pod.imagePullSecrets",
    ),
    (
        'pod x-1: CreateContainerConfigError: secret "hub" not found',
        "CreateContainerConfigError",
        "SecretNotFound",
        "create what is missing in this namespace",
    ),
    (
        "pod x-1: CreateContainerConfigError: couldn't find key name in ConfigMap team-a/team",
        "CreateContainerConfigError",
        "ConfigMapNotFound",
        "create what is missing in this namespace",
    ),
    (
        'pod x-1: MountVolume.SetUp failed for volume "pod-ca" : secret "ca" not found',
        "FailedMount",
        "SecretNotFound",
        "create what is missing in this namespace",
    ),
    (
        'pod x-1 cannot be scheduled: persistentvolumeclaim "cache" not found',
        "Unschedulable",
        "VolumeNotFound",
        "create PersistentVolumeClaim cache in this namespace",
    ),
    (
        "pod x-1 cannot be scheduled: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
        "Unschedulable",
        "Unschedulable",
        "correct pod.nodeSelector, pod.affinity or resources.gpu.product",
    ),
    (
        "pod x-1 cannot be scheduled: 0/3 nodes are available: 3 node(s) had untolerated taint {gpu: true}.",
        "Unschedulable",
        "Unschedulable",
        "add a toleration to pod.tolerations",
    ),
    (
        "pod x-1 cannot be scheduled: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        "Unschedulable",
        "Unschedulable",
        "ask for less nvidia.com/gpu in resources",
    ),
    (
        "pod x-1 cannot be scheduled: 0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are "
        "available: 1 Preemption is not helpful for scheduling.",
        "Unschedulable",
        "Unschedulable",
        "let it take pods again: kubectl uncordon",
    ),
]


@pytest.mark.parametrize(("words", "word", "reason", "cure"), CASES, ids=[case[3][:40] for case in CASES])
def test_words_are_understood(words: str, word: str, reason: str, cure: str) -> None:
    told, said = with_cure(words, word)
    assert told == reason
    assert said.startswith(words.rstrip(". "))
    assert cure in said


def test_unknown_words_stay_as_they_are() -> None:
    assert with_cure("something new") == ("", "something new")
    assert with_cure("") == ("", "")
