"""What can the engine ask of a Kubernetes API server, and how can that fail?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from slipway.plan import Manifest

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True)
class Page:
    """A part of a list. All pages of one list are of the same moment, `resource_version`."""

    items: Sequence[dict[str, Any]]
    resource_version: str


@dataclass(frozen=True)
class WatchEvent:
    """One line of a watch stream. A BOOKMARK carries nothing but its metadata.resourceVersion."""

    type: EventType
    object: dict[str, Any]


class KubeApi(Protocol):
    """The calls that the engine makes. Each raises an `ApiError`; tests replace it here and nowhere deeper."""

    async def apply(
        self, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True
    ) -> dict[str, Any]:
        """Server-side apply; return the object. A metadata.resourceVersion is a precondition.

        Without `force` it is a `Conflict` to set what somebody else has set otherwise.
        """

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return one object."""

    def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        """List a kind in one namespace, or in all when `namespace` is None."""

    def marks(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncGenerator[Page, None]:
        """List the metadata alone: which objects there are, and in which version."""

    def watch(
        self, kind: str, namespace: str | None, *, since: str, selector: str = "", timeout_seconds: int = 300
    ) -> AsyncGenerator[WatchEvent, None]:
        """Stream changes after resource version `since`, bookmarks included, until the server ends the stream.

        The first item is a bookmark of `since`: the server has accepted the watch.
        """

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, propagation: str = "Background"
    ) -> dict[str, Any]:
        """Delete the object with this `uid`; return the object if it lingers (finalizers), else a Status."""

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        """Create an object; `Conflict` if it exists."""

    async def replace(self, manifest: Manifest) -> dict[str, Any]:
        """Put an object; `Conflict` unless metadata.resourceVersion is the newest."""

    async def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> dict[str, Any]:
        """Merge-patch an object."""


class ApiError(Exception):
    """A call failed. `message` is the server's own words where it answered."""

    def __init__(self, message: str = "", *, status: int = 0, reason: str = "", retry_after: float | None = None):
        super().__init__(message or reason or type(self).__name__)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        """Seconds for which the server asked to be left alone."""


class NotFound(ApiError):
    """404: the object, its namespace or its kind does not exist."""


class Conflict(ApiError):
    """409: it exists already, or it is not what the caller believed it to be."""


class Gone(ApiError):
    """410: the resource version is too old; list again."""


class Invalid(ApiError):
    """400 or 422: the server refuses the content; sending it again cannot help."""


class Forbidden(ApiError):
    """401 or 403: not allowed, over quota, or the namespace is going away."""


class TooMany(ApiError):
    """429: later, after `retry_after` seconds."""


class Server(ApiError):
    """5xx: the server failed."""


class Timeout(ApiError):
    """No answer in time; the write may or may not have happened."""


class Unreachable(ApiError):
    """No connection, or it broke; the write may or may not have happened."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
    429: TooMany,
    504: Timeout,
}


def error_for(status: int, body: Manifest, retry_after: float | None = None) -> ApiError:
    """Return the typed error of an HTTP status with a Kubernetes `Status` body."""
    kind = _BY_STATUS.get(status, Server if status >= 500 else ApiError)
    seconds = (body.get("details") or {}).get("retryAfterSeconds")
    wait = retry_after if retry_after is not None else float(seconds) if seconds else None
    message = str(body.get("message") or f"the API server answered {status}")
    return kind(message, status=status, reason=str(body.get("reason") or ""), retry_after=wait)
