"""Where is the API server, and with which credentials do we speak to it?"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import kopf
from kubernetes import client as official
from kubernetes import config as official_config

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REREAD_SECONDS = 60.0


class Connection(Protocol):
    """An API server and the right to speak to it."""

    @property
    def server(self) -> str:
        """The server's address, without a slash at the end."""

    def headers(self) -> Mapping[str, str]:
        """Return the authorisation header of the next request."""

    def tls(self) -> ssl.SSLContext | bool:
        """Return the TLS context of the next connection (True: the system's)."""

    def forget(self) -> None:
        """Read credentials anew at the next request, because the server refused them."""

    def for_kopf(self) -> kopf.ConnectionInfo:
        """Return the same for kopf."""


@dataclass
class InCluster:
    """The pod's own service account. The kubelet rotates token and CA files, so both are read again as they age."""

    folder: Path = SERVICE_ACCOUNT
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    monotonic: Callable[[], float] = time.monotonic
    _token: str = ""
    _read_at: float | None = None
    _tls: ssl.SSLContext | None = None
    _tls_of: int = 0

    @property
    def server(self) -> str:
        """The address that the kubelet gives every pod."""
        host, port = self.environment["KUBERNETES_SERVICE_HOST"], self.environment["KUBERNETES_SERVICE_PORT"]
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def headers(self) -> Mapping[str, str]:
        """Return the bearer token, at most a minute old."""
        now = self.monotonic()
        if self._read_at is None or now - self._read_at > REREAD_SECONDS:
            self._token = (self.folder / "token").read_text().strip()
            self._read_at = now
        return {"Authorization": f"Bearer {self._token}"}

    def tls(self) -> ssl.SSLContext | bool:
        """Return a context for the CA file as it is now; connections made earlier keep theirs."""
        ca = self.folder / "ca.crt"
        changed = ca.stat().st_mtime_ns
        if self._tls is None or changed != self._tls_of:
            self._tls, self._tls_of = ssl.create_default_context(cafile=str(ca)), changed
        return self._tls

    def forget(self) -> None:
        """Read the token again at the next request."""
        self._read_at = None

    def for_kopf(self) -> kopf.ConnectionInfo:
        """Return the present token; kopf asks again when the server refuses it."""
        self.forget()
        token = self.headers()["Authorization"].removeprefix("Bearer ")
        return kopf.ConnectionInfo(
            server=self.server, ca_path=str(self.folder / "ca.crt"), scheme="Bearer", token=token
        )


class Kubeconfig:
    """A kubeconfig file, read by the official client's loader (client certificates, tokens, exec plugins)."""

    def __init__(self, file: str | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._value = ""
        self._read_at: float | None = None
        self._configuration = official.Configuration()
        official_config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=file, client_configuration=self._configuration, persist_config=False
        )
        self.server = str(self._configuration.host).rstrip("/")
        self._tls = self._context() if self.server.startswith("https") else True

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        if not self._configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def headers(self) -> Mapping[str, str]:
        """Return the bearer token, at most a minute old, refreshed by the loader's own hook where there is one.

        The hook builds a whole configuration: asked at every request it takes a tenth of a busy operator's time.
        """
        now = self._monotonic()
        if self._read_at is None or now - self._read_at > REREAD_SECONDS:
            self._value = self._configuration.get_api_key_with_prefix("BearerToken", "authorization") or ""
            self._read_at = now
        return {"Authorization": self._value} if self._value else {}

    def tls(self) -> ssl.SSLContext | bool:
        """Return the context of the file's CA and client certificate."""
        return self._tls

    def forget(self) -> None:
        """Ask the loader's hook again at the next request; it refreshes by itself."""
        self._read_at = None

    def for_kopf(self) -> kopf.ConnectionInfo:
        """Return the same connection for kopf, which asks again when the server refuses it."""
        self.forget()
        scheme, _, token = self.headers().get("Authorization", "").partition(" ")
        return kopf.ConnectionInfo(
            server=self.server,
            ca_path=self._configuration.ssl_ca_cert,
            insecure=not self._configuration.verify_ssl,
            certificate_path=self._configuration.cert_file,
            private_key_path=self._configuration.key_file,
            scheme=scheme or None,
            token=token or None,
        )
