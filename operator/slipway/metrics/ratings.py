"""Which ConfigMaps have ratings of a ModelVersion?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from slipway.contract.ratings import RATINGS_LABEL
from slipway.kube.api import ApiError, Forbidden, Page
from slipway.metrics.errors import Denied, Unavailable


class ConfigMapReader(Protocol):
    """Whoever can list objects by their labels: a `KubeClient`."""

    def marks(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncGenerator[Page, None]:
        """List the metadata alone."""


class RatingMaps:
    """Lists ConfigMaps that people made, only while a version waits for them: those of others are not watched.

    What is in them is not even read: each may have a MiB, and it is for a pod to take apart.
    """

    def __init__(self, api: ConfigMapReader) -> None:
        self._api = api

    async def of(self, namespace: str, version: str) -> list[tuple[dict[str, str], float]]:
        """Return name and resource version of each; raise `SourceError` with the cure."""
        found: list[tuple[dict[str, str], float]] = []
        selector = f"{RATINGS_LABEL}={version}"
        try:
            async for page in self._api.marks("ConfigMap", namespace, selector=selector):
                metas = (obj["metadata"] for obj in page.items)
                found += [({"name": meta["name"], "version": meta["resourceVersion"]}, 1.0) for meta in metas]
        except Forbidden as error:
            raise Denied(
                "the operator may not list ConfigMaps: upgrade the chart, or grant its role that verb"
            ) from error
        except ApiError as error:
            raise Unavailable(f"the ConfigMaps of namespace {namespace} cannot be listed: {error}") from error
        return found
