"""Do Rollouts of two namespaces learn that they want one host name, and that it is free again?"""

from __future__ import annotations

import time
from pathlib import Path

from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.server import ApiServer

TRAFFIC = {"gateway": {"name": "slipway", "namespace": "gateways"}, "hostnames": ["rivals.example"]}


def test_the_younger_one_names_the_older_and_goes_on_when_it_is_deleted(installed: ApiServer, operator: Path) -> None:
    older, younger = (Cluster.fresh(installed, operator) for _ in range(2))
    older.apply(objects.rollout("older"), traffic=TRAFFIC)
    time.sleep(1.1)  # the API writes ages in whole seconds
    younger.apply(objects.rollout("younger"), traffic=TRAFFIC)
    younger.until(lambda: younger.reason("Rollout", "younger") == "HostnameTaken")
    said = younger.status("Rollout", "younger")["message"]
    assert f"Gateway gateways/slipway belongs to the older Rollout older of namespace {older.namespace}" in said
    assert older.reason("Rollout", "older") == "VersionNotFound", "the older one is told nothing"
    older.delete(older.root("Rollout", "older"))
    younger.until(lambda: younger.reason("Rollout", "younger") == "VersionNotFound")
