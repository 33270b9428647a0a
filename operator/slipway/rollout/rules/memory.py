"""What is known when the status is not there any more, or never heard what the route bears?"""

from __future__ import annotations

from slipway.api.rollout import MOST_RETIRING, RevisionRef
from slipway.plan import Event
from slipway.rollout import history, reasons, revision
from slipway.rollout.routes import service_name
from slipway.rollout.rules.commands import spend_all
from slipway.rollout.rules.moves import AT_THE_BEGINNING, condemned, first_serves
from slipway.rollout.situation import Situation


def first_version_on_route(s: Situation) -> Situation | None:
    """The first version's route may go ahead of the status: what it names is stable, whatever became of its pods."""
    candidate, route = s.status.candidate, s.seen.route
    if candidate is None or s.status.stable is not None or route is None or route.stable != candidate.revision:
        return None
    return first_serves(s)


def stable_forgotten(s: Situation) -> Situation | None:
    """Where a status was lost, what the route says serves stays stable, whatever version the spec names.

    Only a Rollout with a stable revision has a route. What else stands in it is drained; the version wanted then earns
    its traffic like any other. Commands of the time before are spent: nobody can tell any more whether they were.
    """
    if s.status.stable is not None or s.seen.route is None:
        return None
    found = _standing_in_the_route(s)
    if not found:
        return None
    stable = found.pop(_former_stable(s, found))
    words = f"the status was lost: {stable.version} (revision {stable.revision}) serves and is taken for stable"
    after = s.moved(
        Event(reasons.ADOPTED, words, "Warning"),
        stable=stable,
        candidate=None,
        previous=None,
        retiring=list(found.values())[:MOST_RETIRING],
        retiring_since=None,
        analysis=[],
        last_rollback=s.seen.route.last_rollback,
        failed=[s.seen.route.last_rollback] if s.seen.route.last_rollback is not None else [],
        history=history.promoted(s, stable),
        **AT_THE_BEGINNING,
    )
    return spend_all(after, words)


def verdict_on_route(s: Situation) -> Situation | None:
    """A verdict goes to the route ahead of the status; where the operator died in between, the route knows more."""
    candidate, stable, route = s.status.candidate, s.status.stable, s.seen.route
    if candidate is None or stable is None or route is None or route.version <= s.status.route_version:
        return None
    failed = route.last_rollback
    if failed is None or failed.revision != candidate.revision:
        return None
    words = f"{candidate.version} rolled back, {stable.version} serves 100 %: {failed.message}"
    after = condemned(s, failed, words)
    return after.moved(route_version=max(after.status.route_version, route.version))


def _standing_in_the_route(s: Situation) -> dict[str, RevisionRef]:
    """Return the revisions that the route names and whose template is kept, the oldest first."""
    assert s.seen.route is not None
    named = s.seen.route.weights
    oldest_first = sorted(s.seen.ordinals, key=lambda name: s.seen.ordinals[name])
    return {
        name: revision.kept_reference(name, s.seen.templates[name])
        for name in oldest_first
        if service_name(s.rollout.root, name) in named
    }


def _former_stable(s: Situation, found: dict[str, RevisionRef]) -> str:
    """Return the revision that the route calls stable, else the oldest with traffic: a candidate is younger."""
    assert s.seen.route is not None
    if s.seen.route.stable in found:
        return s.seen.route.stable
    weights = s.seen.route.weights
    serving = (name for name in found if weights[service_name(s.rollout.root, name)] > 0)
    return next(serving, next(iter(found)))
