"""What can a Gateway do? Its class says so in status.supportedFeatures."""

from __future__ import annotations

from typing import Any, Protocol

from slipway.kube.api import ApiError, Forbidden, NotFound
from slipway.metrics.errors import Denied, Missing, Unavailable


class ObjectReader(Protocol):
    """Whoever can read one object: a `KubeApi`."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return one object."""


class Gateways:
    """Reads Gateways and their classes, one at a time and only when somebody asks: they are not watched."""

    def __init__(self, api: ObjectReader) -> None:
        self._api = api

    async def features(self, namespace: str, name: str) -> list[str]:
        """Return the features that the class of a Gateway lists; raise `SourceError` with the cure."""
        gateway = await self._read("Gateway", namespace, name, "create it, or correct spec.traffic.gateway")
        spec = gateway.get("spec") or {}
        cure = f"create it, or correct spec.gatewayClassName of Gateway {namespace}/{name}"
        found = await self._read("GatewayClass", "", str(spec.get("gatewayClassName") or ""), cure)
        listed = (found.get("status") or {}).get("supportedFeatures") or ()
        # Before v1.1 of the Gateway API it was a list of names, since then one of objects.
        return sorted(str(each.get("name")) if isinstance(each, dict) else str(each) for each in listed)

    async def _read(self, kind: str, namespace: str, name: str, cure: str) -> dict[str, Any]:
        where = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        try:
            return await self._api.get(kind, namespace, name)
        except NotFound as error:
            raise Missing(f"{where} does not exist: {cure}") from error
        except Forbidden as error:
            raise Denied(f"the operator may not read {where}: allow it to get {kind.lower()} objects") from error
        except ApiError as error:
            raise Unavailable(f"{where} cannot be read: {error}") from error
