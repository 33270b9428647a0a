"""Who answers which kind of question?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from slipway.metrics import hosts
from slipway.metrics.credentials import Secrets
from slipway.metrics.errors import BadQuery, Missing, SourceError
from slipway.metrics.gateways import Gateways
from slipway.metrics.kueue import Kueue
from slipway.metrics.prometheus import Prometheus
from slipway.metrics.ratings import RatingMaps
from slipway.metrics.samplers import Sampler
from slipway.metrics.warnings import Warned
from slipway.metrics.web import Web
from slipway.plan import (
    Answer,
    Draw,
    GatewayFeatures,
    Measurement,
    PrometheusQuery,
    Question,
    QueuePlace,
    RatingFiles,
    Warnings,
    WebRequest,
)

Series = Sequence[tuple[dict[str, str], float]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sources:
    """Answers every kind of question. A failure is an answer with `error` set."""

    def __init__(
        self,
        prometheus: Prometheus,
        web: Web,
        secrets: Secrets,
        gateways: Gateways,
        allowed: Sequence[str] = (),
        now: Callable[[], datetime] = _utc_now,
        sampler: Sampler | None = None,
        *,
        warned: Warned,
        kueue: Kueue,
        ratings: RatingMaps,
    ) -> None:
        self._prometheus, self._web, self._secrets = prometheus, web, secrets
        self._gateways, self._sampler = gateways, sampler or Sampler()
        self._warned, self._kueue, self._ratings = warned, kueue, ratings
        self._allowed, self._now = tuple(allowed), now

    async def ask(self, question: Question) -> Answer:
        """Return the answer to `question`."""
        try:
            if isinstance(question, Draw):
                return Answer(self._now(), message=await self._sampler.draw(question.study))
            series = await self._series(question)
        except SourceError as error:
            return Answer(self._now(), error=str(error), refused=isinstance(error, BadQuery | Missing))
        return Answer(self._now(), series=tuple(series))

    async def _series(self, question: Measurement) -> Series:
        match question:
            case PrometheusQuery(query, None, timeout):
                return await self._prometheus.query(query, timeout)
            case PrometheusQuery(query, server, timeout):
                assert server is not None
                hosts.check(server.url, self._allowed)
                credentials = await self._secrets.credentials(server.access)
                return await self._prometheus.query_at(server.url, credentials, query, timeout)
            case WebRequest():
                hosts.check(question.url, self._allowed)
                value = await self._web.measure(question, await self._secrets.credentials(question.access))
                return () if value is None else (({}, value),)
            case _:
                return await self._of_cluster(question)

    async def _of_cluster(self, question: GatewayFeatures | Warnings | QueuePlace | RatingFiles) -> Series:
        match question:
            case GatewayFeatures(namespace, name):
                return [({"feature": found}, 1.0) for found in await self._gateways.features(namespace, name)]
            case Warnings(kind, namespace, name):
                return await self._warned.about(kind, namespace, name)
            case QueuePlace(namespace, queue, job_uid):
                return await self._kueue.place(namespace, queue, job_uid)
            case RatingFiles(namespace, version):
                return await self._ratings.of(namespace, version)
