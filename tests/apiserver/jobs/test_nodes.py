"""A run on several nodes of a cluster that has no JobSet says so, with the cure; all else goes on."""

from __future__ import annotations

from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.jobs.story import prepared


def test_a_cluster_without_jobset_is_told_what_to_install(cluster: Cluster) -> None:
    prepared(cluster)
    name = cluster.apply(objects.training_job(), resources={"nodes": 2})

    def refused() -> str:
        conditions = cluster.status("TrainingJob", name).get("conditions") or ()
        return next((str(one["message"]) for one in conditions if one["reason"] == "ChildKindUnknown"), "")

    cluster.until(lambda: bool(refused()), lambda: cluster.status("TrainingJob", name))
    assert refused().startswith(f"JobSet {cluster.namespace}/{name}-train-")
    assert "If the cluster lacks the kind, install JobSet (sigs.k8s.io/jobset, 0.11 or newer)" in refused()
