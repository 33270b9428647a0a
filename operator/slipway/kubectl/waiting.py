"""Has the operator handled a command, and what came of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slipway.api.rollout import Command
from slipway.kubectl.cluster import Cluster, Expired
from slipway.kubectl.commands import Order
from slipway.kubectl.failures import Refused, Unreachable
from slipway.kubectl.release import read

PAUSE = 1.0


def await_answer(
    cluster: Cluster,
    rollout: Mapping[str, Any],
    order: Order,
    seconds: float,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> Command:
    """Return what became of `order`; raise Refused where nothing did in `seconds`, or never can."""
    meta, deadline = rollout["metadata"], monotonic() + seconds
    trouble = ""
    while (left := deadline - monotonic()) > 0:
        try:
            for seen in cluster.watch_rollout(meta["namespace"], meta["name"], left):
                answer = _answer(seen, meta["uid"], order)
                if answer is not None:
                    return answer
        except Expired:
            continue
        except Unreachable as error:
            trouble = f" ({error})"
            sleep(min(PAUSE, max(0.0, deadline - monotonic())))
    raise Refused(
        f"the operator has not handled {order.command} in {seconds:.0f} s{trouble}; it will once it runs: "
        "kubectl get pods -A -l app.kubernetes.io/name=slipway,app.kubernetes.io/component=operator"
    )


def _answer(seen: Mapping[str, Any] | None, uid: str, order: Order) -> Command | None:
    if seen is None or seen["metadata"]["uid"] != uid:
        raise Refused(f"the Rollout was deleted before {order.command} was handled")
    answer = order.answered(read(seen))
    if answer is not None:
        return answer
    if (seen["metadata"].get("annotations") or {}).get(order.key) != order.value:
        raise Refused(f"{order.key} was written anew, or removed, before the operator saw this {order.command}")
    return None
