"""Whom is a metric asked of, and as whom?"""

from __future__ import annotations

from slipway.api.analysis import AnalysisMetric
from slipway.api.measures import PrometheusServer, WebMetric
from slipway.api.web import SecretKeyRef
from slipway.plan import Access, PrometheusQuery, Question, SecretKey, Server, WebRequest
from slipway.rollout.analysis.queries import Scope, filled, query


def question(metric: AnalysisMetric, scope: Scope) -> Question:
    """Return the question that measures `metric`, which is none that a pod answers."""
    if metric.web is not None:
        return _request(metric.web, scope)
    named = scope.rollout.spec.analysis.prometheus
    timeout = float(named.timeout_seconds) if named is not None and named.timeout_seconds is not None else None
    return PrometheusQuery(query(metric, scope), _server(named, scope) if named is not None else None, timeout)


def _server(named: PrometheusServer, scope: Scope) -> Server | None:
    if named.url is None:
        return None
    access = Access(
        namespace=scope.rollout.root.namespace,
        ca=_key(named.ca_secret),
        bearer=_key(named.bearer_token_secret),
        basic=named.basic_auth_secret.name if named.basic_auth_secret is not None else "",
    )
    return Server(named.url, access)


def _request(metric: WebMetric, scope: Scope) -> WebRequest:
    secret = tuple((header.name, key) for header in metric.headers if (key := _key(header.secret)) is not None)
    return WebRequest(
        url=filled(metric.url, scope),
        pointer=metric.value_path,
        access=Access(namespace=scope.rollout.root.namespace, ca=_key(metric.ca_secret), headers=secret),
        method=metric.method,
        body=filled(metric.body, scope) if metric.body is not None else "",
        headers=tuple((header.name, header.value) for header in metric.headers if header.value is not None),
        timeout=float(metric.timeout_seconds),
    )


def _key(ref: SecretKeyRef | None) -> SecretKey | None:
    return SecretKey(ref.name, ref.key) if ref is not None else None
