"""How are the values of the release changed while it works, and how is the collector started by hand?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from e2e.cluster import release as chart
from e2e.cluster.base import Cluster, CommandFailed
from e2e.demo.cast import SYSTEM
from e2e.demo.prepare import out
from e2e.scenarios import operators
from e2e.scenarios.play import Missed
from e2e.scenarios.stage import VALUES

MORE: Final = "rollouts-more-values.json"
COLLECTOR: Final = "cronjob/slipway-collector"
NEVER: Final = "0 0 1 1 *"
"""A schedule that leaves the collector alone, but for the first minute of a year."""


def upgrade(cluster: Cluster, more: Mapping[str, Any]) -> None:
    """Give the release that `Stage.build` made the values `more` beside its own; those of upgrades before are gone.

    Return when an operator that knows them leads.
    """
    file = out(MORE)
    file.write_text(json.dumps(more))
    where = ["slipway", str(chart.CHART), "--namespace", SYSTEM]
    values = ["--values", str(VALUES), "--values", str(file)]
    cluster.helm("upgrade", *where, *values, "--wait", "--timeout", "5m")
    operators.await_settings(cluster)


def collected(cluster: Cluster, name: str) -> str:
    """Make a Job from the collector's CronJob, as a person would, and return what it says once it is complete."""
    job = f"{name}-{uuid4().hex[:6]}"
    cluster.kubectl("-n", SYSTEM, "create", "job", job, f"--from={COLLECTOR}")
    try:
        cluster.kubectl("-n", SYSTEM, "wait", f"job/{job}", "--for=condition=Complete", "--timeout=90s")
    except CommandFailed as failure:
        said = cluster.kubectl("-n", SYSTEM, "describe", "pods", "-l", f"batch.kubernetes.io/job-name={job}")
        raise Missed(f"the collection {name} did not end well: {failure}\n{said[-3000:]}") from failure
    return cluster.kubectl("-n", SYSTEM, "logs", f"job/{job}", "-c", "collect")


def fates(log: str) -> dict[str, str]:
    """Return what a collection said of each thing that is not in use, by the thing's name in the store."""
    told = [line for line in log.splitlines() if ", unmentioned since " in line]
    return {line.rpartition("  ")[2]: line[:17].strip() for line in told}
