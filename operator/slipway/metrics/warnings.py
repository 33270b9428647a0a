"""What was last wrong with an object? Its Warning events say so."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, Protocol

from slipway.api.conditions import moment
from slipway.kube.api import ApiError, Forbidden, Page
from slipway.metrics.errors import Denied, Unavailable

MOST: Final = 100
"""Events of one object that are looked at; an apiserver keeps them for an hour."""


class EventReader(Protocol):
    """Whoever can list objects by their fields: a `KubeClient`."""

    def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", fields: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        """List a kind in one namespace."""


class Warned:
    """Reads the Warning events of one object, only when somebody asks: events are not watched."""

    def __init__(self, api: EventReader) -> None:
        self._api = api

    async def about(self, kind: str, namespace: str, name: str) -> list[tuple[dict[str, str], float]]:
        """Return reason and message of each warning, with when it was last seen; raise `SourceError` with the cure."""
        fields = f"regarding.kind={kind},regarding.name={name},type=Warning"
        found: list[Mapping[str, Any]] = []
        try:
            async for page in self._api.pages("Event", namespace, fields=fields, limit=MOST):
                found += page.items
        except Forbidden as error:
            raise Denied("the operator may not list events: upgrade the chart, or grant its role that verb") from error
        except ApiError as error:
            raise Unavailable(f"events of {kind} {namespace}/{name} cannot be read: {error}") from error
        return [(_said(event), last_seen(event)) for event in found]


def _said(event: Mapping[str, Any]) -> dict[str, str]:
    return {"reason": str(event.get("reason") or ""), "message": str(event.get("note") or "").strip()}


def last_seen(event: Mapping[str, Any]) -> float:
    """Return when an event of events.k8s.io/v1 was last seen; older recorders fill in the deprecated fields only."""
    series: Mapping[str, Any] = event.get("series") or {}
    written = [series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"), event.get("eventTime")]
    return max((moment(str(one)).timestamp() for one in written if one), default=0.0)
