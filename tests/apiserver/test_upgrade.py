"""Does a release go on while `helm upgrade` changes the definition of Rollouts underneath it?

What judges the new version says nothing until the test lets it: so long the version holds its share.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from e2e.setup import gotools
from tests.apiserver import objects
from tests.apiserver.jobs.cluster import Cluster, controllers
from tests.apiserver.jobs.serving import ROUTES, play
from tests.apiserver.jobs.story import verified
from tests.apiserver.objects import Manifest
from tests.apiserver.operating import operating
from tests.apiserver.server import ApiServer, running
from tests.apiserver.test_chart import helm
from tests.unit.chart.render import CHART

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.slipway.dev"
NAME = "assistant"
NEWER = (
    ("    helm.sh/resource-policy: keep\n", "    example.com/of: tomorrow\n"),
    ("    additionalPrinterColumns:\n", "    - {name: Tomorrow, type: string, jsonPath: .spec.ofTomorrow}\n"),
    (
        "            description: spec says which version should serve, and how it gets there.\n"
        "            type: object\n            properties:\n",
        "              ofTomorrow: {type: string, description: ofTomorrow is of a newer Slipway.}\n",
    ),
)
"""What a newer chart's definition has more, and behind which lines."""
SAID = frozenset({"analysis", "conditions", "message", "state", "observedGeneration"})
"""What a measurement or a spec that is not understood may change in a status."""


class Judge(ThreadingHTTPServer):
    """Gives every version a good score, once it gives scores at all."""

    speaks = False


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Judge)
        score = b"1" if self.server.speaks else b""
        self.send_response(200 if score else 204)
        if score:
            self.send_header("Content-Length", str(len(score)))
        self.end_headers()
        self.wfile.write(score)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def installed() -> Iterator[ApiServer]:
    """An apiserver of its own with today's chart, where web servers on this machine may judge."""
    with running(accounts=True) as server, controllers(server):
        server.kubectl("create", "-f", str(gotools.gateway_api()))
        upgrade(server, CHART, "--create-namespace")
        yield server


def upgrade(server: ApiServer, chart: Path, *options: str) -> None:
    helm(server, "upgrade", "--install", "slipway", str(chart), "--set", "analysis.hosts={127.0.0.1}", *options)


@contextmanager
def upgraded(server: ApiServer, folder: Path) -> Iterator[None]:
    """Install a newer chart, and today's again at the end."""
    chart = folder / CHART.name
    shutil.copytree(CHART, chart)
    definition = chart / "templates" / "crds" / "rollouts.yaml"
    written = definition.read_text()
    for line, more in NEWER:
        assert written.count(line) == 1, line
        written = written.replace(line, line + more)
    definition.write_text(written)
    before = server.request("GET", DEFINITION).body["metadata"]["generation"]
    upgrade(server, chart)
    after = server.request("GET", DEFINITION).body["metadata"]
    assert after["generation"] > before
    assert after["annotations"]["example.com/of"] == "tomorrow"
    try:
        yield
    finally:
        upgrade(server, CHART)


class Canary:
    """A Rollout whose second version has half of the requests, and is not judged yet."""

    def __init__(self, server: ApiServer, log: Path, judge: Judge) -> None:
        self.cluster = Cluster.fresh(server, log)
        for number in (1, 2):
            digest = f"sha256:{number}" + "0" * 63
            manifest = objects.model_version(f"assistant-{number}.0.0")
            manifest = objects.changed(manifest, "spec.artifact.digest", digest)
            verified(self.cluster, self.cluster.apply(manifest, version=f"{number}.0.0"), digest)
        score = {"name": "score", "web": {"url": f"http://127.0.0.1:{judge.server_port}/", "min": "1"}}
        analysis = {"intervalSeconds": 1, "windowSeconds": 5, "metrics": [score]}
        canary = {"steps": [{"percent": 50, "holdSeconds": 1}]}
        spec = {"strategy": {"canary": canary}, "analysis": analysis, "bakeSeconds": 1}
        self.cluster.apply(objects.rollout(NAME), **spec)
        self.until(lambda: self.status.get("state") == "Healthy")
        self.edit(version={"name": "assistant-2.0.0"})
        self.until(lambda: self.status.get("percent") == 50 and "stepStartedAt" in self.status)
        self.until(lambda: self.measured_at() != "")

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, with nodes and gateway at work."""

        def held() -> bool:
            play(self.cluster, NAME)
            return holds()

        self.cluster.until(held, lambda: (self.status, self.route))

    def edit(self, **spec: Any) -> None:
        self.cluster.patch(self.cluster.root("Rollout", NAME), {"spec": spec})

    def set_what_is_new(self) -> None:
        """Set the new field: an apiserver goes on to prune it until it serves the new definition."""

        def is_kept() -> bool:
            self.edit(ofTomorrow="kept")
            return self.root["spec"].get("ofTomorrow") == "kept"

        self.until(is_kept)

    @property
    def root(self) -> Manifest:
        return self.cluster.found("Rollout", NAME)

    @property
    def status(self) -> Manifest:
        return self.cluster.status("Rollout", NAME)

    @property
    def route(self) -> Manifest:
        [found] = self.cluster.list(f"{ROUTES}/{self.cluster.namespace}/httproutes")
        return found

    def reason(self) -> str:
        return self.cluster.reason("Rollout", NAME)

    def measured_at(self) -> str:
        return next((str(entry["at"]) for entry in self.status.get("analysis") or ()), "")

    def heard(self) -> bool:
        """Tell whether the newest spec was looked at."""
        return bool(self.status["observedGeneration"] == self.root["metadata"]["generation"])

    def is_judged_on(self) -> bool:
        """Tell whether there is a measurement of the newest spec's time, which moves nothing yet."""
        measured = self.measured_at()
        self.until(lambda: self.measured_at() > measured)
        return self.heard() and self.status["state"] == "Progressing"

    def kept(self) -> tuple[Manifest, Manifest, int]:
        """Return what no upgrade may change: spec, progress, and how often the weights were written."""
        root = self.root
        progress = {name: value for name, value in root["status"].items() if name not in SAID}
        return root["spec"], progress, self.route["metadata"]["generation"]

    def assert_promoted(self, judge: Judge) -> None:
        """Let the version be judged; it must come to serve alone."""
        judge.speaks = True
        self.until(lambda: self.status["state"] == "Healthy")
        status = self.status
        assert (status["stable"]["version"], status.get("candidate")) == ("assistant-2.0.0", None)
        weights = {ref["name"]: ref["weight"] for rule in self.route["spec"]["rules"] for ref in rule["backendRefs"]}
        assert {name: weight for name, weight in weights.items() if weight} == {
            f"{NAME}-{status['stable']['revision']}": 100
        }


def test_a_canary_goes_on_through_an_upgrade_of_its_definition(
    installed: ApiServer, judge: Judge, tmp_path: Path
) -> None:
    with operating(installed) as log:
        canary = Canary(installed, log, judge)
        spec, progress, writes = canary.kept()
        with upgraded(installed, tmp_path):
            canary.until(canary.is_judged_on)
            assert canary.kept() == (spec, progress, writes)
            # Heard of by a new watch: the apiserver ended the old one with the old definition.
            canary.set_what_is_new()
            canary.until(lambda: canary.reason() == "SpecInvalid")
            assert "ofTomorrow" in canary.status["message"], "an operator of today says what it does not know"
            assert canary.kept() == (spec | {"ofTomorrow": "kept"}, progress, writes)
            canary.edit(ofTomorrow=None)
            canary.until(canary.is_judged_on)
            assert canary.kept() == (spec, progress, writes)
            canary.assert_promoted(judge)


def test_a_canary_goes_on_after_an_upgrade_while_the_operator_was_down(
    installed: ApiServer, judge: Judge, tmp_path: Path
) -> None:
    with operating(installed) as log:
        canary = Canary(installed, log, judge)
    before = canary.kept()
    with upgraded(installed, tmp_path):
        assert canary.kept() == before
        with operating(installed):
            canary.until(canary.is_judged_on)
            assert canary.kept() == before
            canary.assert_promoted(judge)
