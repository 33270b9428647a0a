"""May the gateway copy requests to a candidate, and what does it say it can?

Copying (RequestMirror) is optional for a gateway, and one that cannot may answer *every* request of the rule with 500
instead of refusing the route (Traefik does). So the filter is written only after the gateway's class has said, in
status.supportedFeatures, that it can; the answer is kept in status and belongs to that one Gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from slipway.api.conditions import moment, timestamp
from slipway.api.rollout import RolloutSpec, RolloutStatus
from slipway.api.traffic import MirroringStatus
from slipway.plan import Answer, Ask, GatewayFeatures
from slipway.rollout.rollout import Rollout
from slipway.rollout.steps import step_at, steps_of

MIRROR = "HTTPRouteRequestMirror"
PERCENTAGE = "HTTPRouteRequestPercentageMirror"
AGAIN = timedelta(seconds=60)
"""A gateway that cannot is asked again: people update gateways."""


def gateway(rollout: Rollout) -> tuple[str, str]:
    """Return namespace and name of the Gateway that the spec names."""
    named = rollout.spec.traffic.gateway
    return named.namespace or rollout.root.namespace, named.name


def wanted(spec: RolloutSpec, status: RolloutStatus) -> int:
    """Return the percent of requests that the candidate's present step wants copied."""
    if status.candidate is None or status.stable is None:
        return 0
    return step_at(steps_of(spec), status.step).mirror


def known(rollout: Rollout, status: RolloutStatus) -> MirroringStatus | None:
    """Return what is known of the Gateway that the spec names now."""
    found = status.mirroring
    return found if found is not None and found.gateway == "/".join(gateway(rollout)) else None


def possible(rollout: Rollout, status: RolloutStatus) -> bool:
    """Tell whether the Gateway said that it can."""
    found = known(rollout, status)
    return found is not None and found.supported


def asks(rollout: Rollout, status: RolloutStatus, now: datetime) -> tuple[Ask, ...]:
    """Return the question for the gateway's features, where it is due."""
    due = next_due(rollout, status, now)
    if due is None or due > now:
        return ()
    return (Ask(_ask_id(rollout, status), GatewayFeatures(*gateway(rollout))),)


def next_due(rollout: Rollout, status: RolloutStatus, now: datetime) -> datetime | None:
    """Return when the gateway is asked next: at once where nothing is known, and never once it said that it can."""
    if not wanted(rollout.spec, status) or possible(rollout, status):
        return None
    found = known(rollout, status)
    return moment(found.at) + AGAIN if found is not None else now


def fold(rollout: Rollout, status: RolloutStatus, answers: Mapping[str, Answer]) -> RolloutStatus:
    """Return the status with the gateway's answer."""
    answer = answers.get(_ask_id(rollout, status))
    if answer is None:
        return status
    where = "/".join(gateway(rollout))
    missing = _missing(rollout, status, {labels.get("feature", "") for labels, _ in answer.series})
    message = answer.error or (f"its GatewayClass does not list {' and '.join(missing)}" if missing else "")
    found = MirroringStatus(gateway=where, supported=not message, at=timestamp(answer.at), message=message[:1024])
    return status.model_copy(update={"mirroring": found})


def _missing(rollout: Rollout, status: RolloutStatus, features: set[str]) -> list[str]:
    """Return what is needed for any of the spec's steps, and not there."""
    shares = {step.mirror for step in rollout.steps if step.mirror}
    needed = [MIRROR, *([PERCENTAGE] if shares - {100} else [])]
    return [feature for feature in needed if feature not in features]


def _ask_id(rollout: Rollout, status: RolloutStatus) -> str:
    found = known(rollout, status)
    return f"gateway@{'/'.join(gateway(rollout))}@{found.at if found is not None else ''}"
