"""As whom do we speak to a server? Secrets are read at each use; their values go into one request and nowhere else."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from slipway.kube.api import ApiError, Forbidden, NotFound
from slipway.metrics.errors import Denied
from slipway.plan import Access, SecretKey

CURE = "set analysis.secrets=true of the chart"


class SecretReader(Protocol):
    """Whoever can read one object: a `KubeApi`."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return one object."""


@dataclass(frozen=True, repr=False)
class Credentials:
    """What a request carries to be let in. Never printed: its repr is object's."""

    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | bool = True
    """A context that verifies, in any case; True is the system's certificates."""


class Secrets:
    """Turns references to Secrets into credentials."""

    def __init__(self, api: SecretReader, allowed: bool) -> None:
        self._api, self._allowed = api, allowed

    async def credentials(self, access: Access) -> Credentials:
        """Return what `access` refers to; raise `Denied` with the cure where that is not possible."""
        found: dict[str, Mapping[str, str]] = {}
        for name in access.secrets():
            found[name] = await self._read(access.namespace, name)

        def value(key: SecretKey) -> str:
            where = f"Secret {access.namespace}/{key.name}"
            if key.key not in found[key.name]:
                raise Denied(f"{where} has no key {key.key}: add it, or correct the reference")
            return _decoded(found[key.name][key.key], f"key {key.key} of {where}")

        headers = {name: _printable(value(key), key.name, key.key) for name, key in access.headers}
        if access.bearer is not None:
            headers["Authorization"] = bearer(_printable(value(access.bearer), access.bearer.name, access.bearer.key))
        if access.basic:
            user, password = (value(SecretKey(access.basic, key)) for key in ("username", "password"))
            headers["Authorization"] = basic(user, password)
        tls = context(value(access.ca), f"key {access.ca.key} of Secret {access.ca.name}") if access.ca else True
        return Credentials(headers, tls)

    async def _read(self, namespace: str, name: str) -> Mapping[str, str]:
        where = f"Secret {namespace}/{name}"
        if not self._allowed:
            raise Denied(f"{where} is needed, but the operator may read no Secrets: {CURE}")
        try:
            return (await self._api.get("Secret", namespace, name)).get("data") or {}
        except NotFound:
            raise Denied(f"{where} does not exist: create it") from None
        except Forbidden:
            raise Denied(f"{where} may not be read by the operator: {CURE}, so that its role allows it") from None
        except ApiError as error:
            raise Denied(f"{where} could not be read: {error}") from None


@dataclass(frozen=True)
class Files:
    """Credentials of the installation's own Prometheus, as files that the kubelet keeps up to date."""

    ca: str = ""
    bearer: str = ""
    basic: str = ""
    """A folder with the files username and password."""

    def credentials(self) -> Credentials:
        """Return what the files hold now."""
        headers: dict[str, str] = {}
        if self.bearer:
            headers["Authorization"] = bearer(_file(Path(self.bearer)).strip())
        if self.basic:
            folder = Path(self.basic)
            headers["Authorization"] = basic(_file(folder / "username"), _file(folder / "password"))
        return Credentials(headers, context(_file(Path(self.ca)), self.ca) if self.ca else True)


def bearer(token: str) -> str:
    """Return the header of a bearer token."""
    return f"Bearer {token}"


def basic(user: str, password: str) -> str:
    """Return the header of basic authentication (RFC 7617, UTF-8). Files and Secrets often end in a newline."""
    pair = f"{user.rstrip(chr(10))}:{password.rstrip(chr(10))}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@lru_cache(maxsize=64)
def _context(pem: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=pem)


def context(pem: str, where: str) -> ssl.SSLContext:
    """Return a context that trusts these certificates alone. The same text gives the same one: connections are kept."""
    try:
        return _context(pem)
    except (ssl.SSLError, ValueError):
        raise Denied(f"{where} holds no certificates in PEM: put the authority's certificates there") from None


def _decoded(written: str, where: str) -> str:
    try:
        return base64.b64decode(written, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Denied(f"{where} is no text") from None


def _printable(text: str, secret: str, key: str) -> str:
    """Return a value that may stand in a header. What is wrong with it is said without it."""
    text = text.strip()
    if not text.isascii() or not text.isprintable():
        raise Denied(f"key {key} of Secret {secret} cannot be sent in a header: it must be one line of ASCII")
    return text


def _file(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise Denied(f"{path} cannot be read ({error.strerror}): see prometheus.* of the chart") from None
