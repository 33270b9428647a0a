"""What does a person read when the cluster says no?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """Something cannot be done; the message is one line with what is wrong and what to do."""


class Forbidden(Refused):
    """The person lacks a right."""


class Unreachable(Refused):
    """The cluster does not answer, or not now; it may later."""


class Unusable(Exception):
    """The command line asks for what does not exist; like Refused, but the line itself has to change."""


@dataclass(frozen=True)
class Request:
    """What was asked of the API server, in words."""

    verb: str
    plural: str
    namespace: str
    """Empty: all namespaces."""
    name: str = ""

    @property
    def where(self) -> str:
        """The place, for a message."""
        return f"in namespace {self.namespace}" if self.namespace else "in all namespaces"


def refusal(request: Request, code: int, body: Mapping[str, Any]) -> Refused:
    """Return what an answer other than 2xx means to the person who asked."""
    said = str(body.get("message", "")).strip() or f"HTTP {code}"
    match code:
        case 404:
            return _missing(request, body)
        case 401:
            words = "the cluster does not accept your credentials (Unauthorized): log in again, or choose --context"
        case 403:
            return _forbidden(request)
        case _ if "metadata.uid" in _fields(body):
            words = f"Rollout {request.name} was replaced by another of its name in this moment: look at it again"
        case _ if code == 429 or code >= 500:
            return Unreachable(f"the API server has trouble ({said}): try again in a moment")
        case _:
            words = f"the API server refused to {request.verb} {request.plural} {request.where}: {said}"
    return Refused(words)


def _fields(body: Mapping[str, Any]) -> set[str]:
    """Return the fields that the server finds wrong."""
    return {str(cause.get("field")) for cause in (body.get("details") or {}).get("causes") or ()}


def _missing(request: Request, body: Mapping[str, Any]) -> Refused:
    """Return what 404 means: an object is named in the answer, a kind that the server does not know is not."""
    if not (body.get("details") or {}).get("name"):
        return Refused(
            f"this cluster does not know {request.plural}: install Slipway with its chart, or choose another cluster "
            "with --context"
        )
    return Refused(
        f"there is no Rollout {request.name} {request.where}: choose a namespace with -n, or see them all with "
        "`kubectl slipway rollout list -A`"
    )


def _forbidden(request: Request) -> Forbidden:
    role = "view" if request.verb in ("get", "list", "watch") else "edit"
    return Forbidden(
        f"you may not {request.verb} {request.plural} {request.where}: ask its administrator for the role {role} "
        f"(check with `kubectl auth can-i {request.verb} {request.plural}{_flag(request.namespace)}`)"
    )


def unreachable(server: str, why: str) -> Unreachable:
    """Return what a connection that failed means."""
    return Unreachable(
        f"cannot reach the cluster at {server} ({why}): is it up, and is the context right "
        "(`kubectl config current-context`)?"
    )


def _flag(namespace: str) -> str:
    return f" -n {namespace}" if namespace else " -A"
