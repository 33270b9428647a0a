"""Which labels, annotations and field managers are ours?"""

from __future__ import annotations

import hashlib
from typing import Final

MANAGER: Final = "slipway"
STATUS_MANAGER: Final = "slipway-status"
PROGRESS_MANAGER: Final = "slipway-progress"

KIND_LABEL: Final = "slipway.dev/kind"
NAME_LABEL: Final = "slipway.dev/name"
UID_LABEL: Final = "slipway.dev/uid"
MODEL_LABEL: Final = "slipway.dev/model"
VERSION_LABEL: Final = "slipway.dev/version"
ROLLOUT_LABEL: Final = "slipway.dev/rollout"
REVISION_LABEL: Final = "slipway.dev/revision"
METRIC_LABEL: Final = "slipway.dev/metric"
"""On pods that measure: which metric."""
ATTEMPT_LABEL: Final = "slipway.dev/attempt"
LOOK_LABEL: Final = "slipway.dev/look"
"""On a Job that looks whether the source of published data changed."""
ESTIMATE_LABEL: Final = "slipway.dev/estimate"
"""On a Job that estimates what memory a run takes, and on its pods."""
GRACE_LABEL: Final = "slipway.dev/grace-seconds"
"""On a Job that trains: what its pods are granted between SIGTERM and SIGKILL, where that is not what all have."""
TRIAL_LABEL: Final = "slipway.dev/trial"
"""On a TrainingJob that a search owns: the number of the trial."""
COUNTED_LABEL: Final = "slipway.dev/counted"
"""On a Job that counts ratings: which files."""
STOP_ANNOTATION: Final = "slipway.dev/stop-trial"
"""On the same: `Reason: message`, and it ends where it stands."""
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
"""Of Kueue: a Job that has it is started and stopped by Kueue alone."""
QUEUE_PRIORITY_LABEL: Final = "kueue.x-k8s.io/priority-class"
HASH_ANNOTATION: Final = "slipway.dev/applied-hash"
"""Hash of the manifest last applied, so that an unchanged one is not sent again."""

NAME_LIMIT: Final = 63


def child_name(root: str, suffix: str) -> str:
    """Return `root-suffix`, cut with a hash of the whole where it would pass 63 characters."""
    whole = f"{root}-{suffix}"
    if len(whole) <= NAME_LIMIT:
        return whole
    mark = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: NAME_LIMIT - 9].rstrip('-.')}-{mark}"


def root_labels(kind: str, name: str, uid: str) -> dict[str, str]:
    """Return the labels by which a child, and its pods, are found again."""
    return {
        KIND_LABEL: kind,
        NAME_LABEL: name if len(name) <= NAME_LIMIT else hashlib.sha256(name.encode()).hexdigest()[:16],
        UID_LABEL: uid,
        "app.kubernetes.io/managed-by": "slipway",
    }
