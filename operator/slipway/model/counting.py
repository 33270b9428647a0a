"""Which objects count what people said of a version's sheet?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slipway.api.preference import HumanPreference
from slipway.api.ratings import Ratings
from slipway.contract.artifact import digest_of
from slipway.contract.job import CountRatings
from slipway.contract.ratings import RATINGS_FOLDER, Sheet
from slipway.model.gates import DEFAULT_CONFIDENCE
from slipway.model.objects import VERIFY_RESOURCES, Version
from slipway.names import ATTEMPT_LABEL, COUNTED_LABEL, MODEL_LABEL, child_name
from slipway.plan import Manifest
from slipway.settings import Settings
from slipway.workload import JobShape, Mount, job, job_config

COMMAND: Final = ("python", "-m", "slipway_pod.ratings")
DEADLINE_SECONDS: Final = 3600


def mark_of(config_maps: Sequence[str]) -> str:
    """Return a short name, fit for a label, for exactly these versions of ConfigMaps."""
    return digest_of(list(config_maps)).removeprefix("sha256:")[:16]


def counting(
    version: Version,
    ratings: Ratings,
    metric: HumanPreference,
    config_maps: Sequence[str],
    attempt: int,
    settings: Settings,
) -> tuple[Manifest, ...]:
    """Return the job file and the Job that count what is in `config_maps` (name@resourceVersion), in that order.

    The ConfigMaps are mounted, never read by the operator: what strangers wrote is taken apart in a pod that can do
    nothing but read the store.
    """
    told = CountRatings(
        namespace=version.root.namespace,
        name=version.root.name,
        store=settings.store,
        sheet=Sheet(
            metric=ratings.metric, uri=ratings.sheet, key=ratings.key, digest=ratings.digest, pairs=ratings.pairs
        ),
        metric=metric,
        confidences=confidences(version, ratings.metric),
        config_maps=tuple(config_maps),
    )
    shape = JobShape(
        settings.images.data,
        COMMAND,
        VERIFY_RESOURCES,
        deadline_seconds=DEADLINE_SECONDS,
        mounts=tuple(_mounted(at, one.partition("@")[0]) for at, one in enumerate(config_maps)),
        pod=version.spec.pod,
        queue=version.spec.queue,
    )
    digest = digest_of([told.fingerprint(), shape.image, attempt]).removeprefix("sha256:")[:8]
    name = child_name(version.root.name, f"count-{digest}")
    made = job(version.root, name, name, shape, settings)
    labels = {ATTEMPT_LABEL: str(attempt), MODEL_LABEL: version.spec.model, COUNTED_LABEL: mark_of(config_maps)}
    made["metadata"]["labels"] |= labels
    return job_config(version.root, name, told), made


def confidences(version: Version, metric: str) -> tuple[int, ...]:
    """Return the confidence percents at which gates on `metric` ask for a bound, and the one that is always shown."""
    gates = version.spec.evaluation.gates if version.spec.evaluation is not None else ()
    asked = {gate.confidence_percent for gate in gates if gate.metric == metric and gate.min_improvement is not None}
    return tuple(sorted({DEFAULT_CONFIDENCE, *asked}))


def _mounted(at: int, config_map: str) -> Mount:
    """Return the volume of a ConfigMap; one that is deleted meanwhile keeps no pod from starting."""
    return Mount(
        f"ratings-{at}", f"{RATINGS_FOLDER}/{config_map}", {"configMap": {"name": config_map, "optional": True}}
    )
