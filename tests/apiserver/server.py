"""A real etcd and a real kube-apiserver, for as long as a `with` block lasts.

The files are named by what they need; nothing is shared with another run: random ports, a temporary folder, and the
processes end with the one that started them.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.setup import tools

TOKEN = "slipway-tests"
PATIENCE_SECONDS = 120.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Answer:
    """What the apiserver said."""

    code: int
    body: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The message of a refusal."""
        return str(self.body.get("message", ""))


@dataclass(frozen=True)
class ApiServer:
    """A running apiserver and how to reach it as its administrator."""

    url: str
    folder: Path
    token: str = TOKEN

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the administrator."""
        return self.folder / "kubeconfig"

    @property
    def ca(self) -> Path:
        """The certificate to trust."""
        return self.folder / "pki" / "apiserver.crt"

    def request(self, method: str, path: str, body: object = None, content: str = "application/json") -> Answer:
        """Send one request and return the answer, whatever its code."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content, "Accept": "application/json"},
        )
        try:
            trusted = ssl.create_default_context(cafile=self.ca)
            with urllib.request.urlopen(request, context=trusted, timeout=60) as answer:
                warnings = tuple(answer.headers.get_all("Warning") or ())
                return Answer(answer.status, _parsed(answer.read()), warnings)
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, _parsed(refused.read()))

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl and return what it printed; with `check=False` its errors too."""
        ran = subprocess.run(
            [str(tools.kube()), "kubectl", *arguments],
            env={"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "PATH": os.environ["PATH"]},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if not check:
            return ran.stdout + ran.stderr
        assert ran.returncode == 0, f"kubectl {' '.join(arguments)}: {ran.stderr}"
        return ran.stdout


@contextmanager
def running(*, accounts: bool = False) -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver, yield when the apiserver answers, and end both.

    `accounts`: pods need their service account, which a controller must make.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-apiserver-")))
        server = ApiServer(f"https://127.0.0.1:{free_port()}", folder)
        etcd, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        _write_credentials(server)
        stack.enter_context(started("etcd", _etcd(folder, etcd, peer), folder))
        apiserver = stack.enter_context(started("kube-apiserver", _apiserver(server, etcd, accounts), folder))
        _await_ready(server, apiserver)
        yield server


def _etcd(folder: Path, client: str, peer: str) -> list[str]:
    return [
        str(tools.etcd()),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _apiserver(server: ApiServer, etcd: str, accounts: bool) -> list[str]:
    key = server.folder / "service-accounts.key"
    return [
        str(tools.kube()),
        "kube-apiserver",
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={server.url.rpartition(':')[2]}",
        f"--cert-dir={server.ca.parent}",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--token-auth-file={server.folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        # Without a controller that makes them, this plugin asks for what is not there.
        *(() if accounts else ("--disable-admission-plugins=ServiceAccount",)),
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--allow-privileged=true",
        "--profiling=false",
        "--endpoint-reconciler-type=none",
    ]


def _write_credentials(server: ApiServer) -> None:
    folder = server.folder
    key = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f'{server.token},admin,admin,"system:masters"\n')
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server.url, "certificate-authority": str(server.ca)}}],
        "users": [{"name": "test", "user": {"token": server.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    server.kubeconfig.write_text(json.dumps(config))


@contextmanager
def started(name: str, command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in a log; stop it at the end, and also if this process is killed."""

    def die_with_parent() -> None:
        ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, preexec_fn=die_with_parent)  # noqa: PLW1509
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(server: ApiServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            # 200, and the namespace that a start-up hook makes: before that, objects cannot be created.
            if all(server.request("GET", path).code == 200 for path in ("/readyz", "/api/v1/namespaces/default")):
                return
        except (OSError, ssl.SSLError):
            pass
        time.sleep(0.1)
    log = (server.folder / "kube-apiserver.log").read_text(errors="replace")
    raise AssertionError(f"kube-apiserver did not become ready:\n{log[-3000:]}")


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _parsed(raw: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {"message": raw.decode(errors="replace")}
    return found if isinstance(found, dict) else {"message": raw.decode(errors="replace")}
