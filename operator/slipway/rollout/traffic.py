"""Which share of requests goes where, and has the gateway taken it over?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slipway.api.abtest import AbTest
from slipway.api.bluegreen import BlueGreen
from slipway.api.canary import Canary
from slipway.api.rollout import RolloutStatus
from slipway.names import child_name
from slipway.rollout import shadow, sticky
from slipway.rollout.observe import Seen
from slipway.rollout.phase import answering
from slipway.rollout.rollout import Rollout
from slipway.rollout.routes import Gateway, Header, Route, RouteRule, service_name

MOST_MATCHES = 64
"""Of one rule of an HTTPRoute."""


def shares(status: RolloutStatus) -> dict[str, int]:
    """Return the intended percent of every revision that may stand in the route, 0 written out.

    Sums to 100 as soon as something serves: the candidate has what it earned, stable has all the rest.
    """
    if status.stable is None:
        return {}
    candidate = {status.candidate.revision: status.percent} if status.candidate is not None else {}
    return (
        {ref.revision: 0 for ref in (status.previous, *status.retiring) if ref is not None}
        | candidate
        | {status.stable.revision: 100 - sum(candidate.values())}
    )


def routed(status: RolloutStatus, services: frozenset[str]) -> dict[str, int]:
    """Return the shares that the route names: 0 only for Services that exist, for the others would not resolve."""
    return {revision: share for revision, share in shares(status).items() if share > 0 or revision in services}


def routes(rollout: Rollout, status: RolloutStatus, seen: Seen) -> list[Route]:
    """Return the HTTPRoutes of the Rollout; none as long as nothing serves."""
    weights = routed(status, seen.services)
    if not weights or status.stable is None:
        return []
    named = [_main(rollout, status, weights), *_preview(rollout, status, weights)]
    number, stable, last = status.route_version, status.stable.revision, status.last_rollback
    wanted = [replace(r, version=number, stable=stable, last_rollback=last, before=before(seen, r.name)) for r in named]
    if not seen.contested:
        return wanted
    # The older Rollout has the host name: what is routed stays so, and nothing is added.
    return [replace(r, hostnames=seen.routes[r.name].hostnames) for r in wanted if r.name in seen.routes]


def before(seen: Seen, name: str) -> tuple[Gateway, ...]:
    """Return the Gateways that must not lose a route yet: an edit names another one, which may not exist."""
    return seen.routes[name].before if name in seen.routes else ()


def _main(rollout: Rollout, status: RolloutStatus, weights: dict[str, int]) -> Route:
    """Return the route of spec.traffic.

    Rules by header come first: of rules that match equally well a gateway takes the first. Where users are not sticky,
    each request is drawn anew; sticky users are sent by their bucket, and who sends none stays with stable.
    """
    assert status.stable is not None
    hostnames = tuple(rollout.spec.traffic.hostnames)
    if status.candidate is None or not answering(status) or status.percent == 100:
        return _named(rollout, rollout.root.name, hostnames, [(weights, ())])
    alone = only(status.candidate.revision, weights)
    rules = [(alone, headers) for headers in _chosen(rollout, status.percent)]
    rest = weights if rollout.spec.traffic.sticky is None else only(status.stable.revision, weights)
    route = _named(rollout, rollout.root.name, hostnames, [*rules, (rest, ())])
    if status.mirror_percent == 0 or not shadow.possible(rollout, status):
        return route
    copies = (service_name(rollout.root, status.candidate.revision), status.mirror_percent)
    return replace(route, rules=(*route.rules[:-1], replace(route.rules[-1], mirror=copies)))


def _preview(rollout: Rollout, status: RolloutStatus, weights: dict[str, int]) -> list[Route]:
    """Return the route of the preview host names: to the candidate as soon as it is ready, else to stable.

    It stays when there is no candidate, so that the gateway confirms that the last one has left it.
    """
    strategy, candidate = rollout.spec.strategy.chosen, status.candidate
    if not isinstance(strategy, BlueGreen) or status.stable is None:
        return []
    shown = candidate.revision if candidate is not None and answering(status) else status.stable.revision
    rules = [(only(shown, weights), ())]
    return [_named(rollout, child_name(rollout.root.name, "preview"), tuple(strategy.preview_hostnames), rules)]


def only(revision: str, weights: dict[str, int]) -> dict[str, int]:
    """Return everything for one revision, and 0 in words for the others: never a rule that sends requests nowhere."""
    return dict.fromkeys(weights, 0) | {revision: 100}


def carried(rollout: Rollout, status: RolloutStatus, seen: Seen) -> bool:
    """Tell whether the gateway has confirmed exactly the routes that `status` intends."""
    wanted = routes(rollout, status, seen)
    return all(route.name in seen.routes and seen.routes[route.name].confirms(route) for route in wanted)


def _chosen(rollout: Rollout, percent: int) -> list[tuple[Header, ...]]:
    """Return, a rule each, the headers that send a request to the candidate whatever the weights."""
    strategy, stickiness = rollout.spec.strategy.chosen, rollout.spec.traffic.sticky
    asking = strategy.headers or () if isinstance(strategy, Canary | AbTest) else ()
    named = tuple((header.name, header.value) for header in asking)
    buckets = sticky.buckets(stickiness, percent) if stickiness is not None else ()
    return [
        found[start : start + MOST_MATCHES]
        for found in (named, buckets)
        for start in range(0, len(found), MOST_MATCHES)
    ]


def _named(
    rollout: Rollout, name: str, hostnames: tuple[str, ...], rules: Sequence[tuple[dict[str, int], tuple[Header, ...]]]
) -> Route:
    """Return the route with the Services of the revisions."""
    return Route(
        name,
        hostnames,
        tuple(
            RouteRule({service_name(rollout.root, revision): share for revision, share in weights.items()}, headers)
            for weights, headers in rules
        ),
    )
