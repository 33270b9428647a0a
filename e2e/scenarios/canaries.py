"""What may people and versions do to a release? Each scenario is performed on a Rollout of its own."""

from __future__ import annotations

import time
from dataclasses import replace

from e2e.scenarios.facts import LAG_SECONDS, NEW_HOST_SECONDS
from e2e.scenarios.leftovers import leftovers_after
from e2e.scenarios.manifests import (
    BAD,
    BUCKET_HEADER,
    FIRST,
    HOLD_SECONDS,
    LONG_HOLD_SECONDS,
    NAMESPACE,
    NEXT,
    NO_SURGE,
    PAUSING,
    SHADOW,
    TESTER,
    THIRD,
    blue_green,
    canary,
    preview_host,
    step,
)
from e2e.scenarios.play import LONG, Missed, Play, at, healthy
from slipway.api.rollout import RolloutStatus

SLOW = canary(step(20, LONG_HOLD_SECONDS), step(50))
WAITING = canary(step(20, 2), {"pause": {}}, step(50))
BUCKETS = ("00", "19", "20", "49", "50", "99")
STANDSTILL_SECONDS = 12
"""Longer than any quick step: whoever does not move for so long is being held."""
GONE_SECONDS = 60
DRAIN_SECONDS = 8
"""A little shorter than the drain of a revision, which ends each change of who serves."""
AT_ONCE_SECONDS = 15
"""Shorter than any judgement and any start of a pod."""


def promote(play: Play) -> None:
    """A good version walks its steps and becomes stable."""
    play.serve(FIRST)
    play.apply(NEXT)
    play.until("promoted", healthy)


def roll_back(play: Play) -> None:
    """A version that answers long questions with errors goes back to where it came from."""
    play.serve(FIRST, LONG)
    play.apply(BAD)
    candidate = play.until("the bad version is on its way", lambda s: s.candidate is not None).candidate
    assert candidate is not None
    play.excused.add(candidate.revision)
    play.until("the bad version has its share", lambda s: s.percent == 20)
    with play.turn(DRAIN_SECONDS + 4):  # with the verdict
        play.until("rolled back and drained", rolled_back)


def abort(play: Play) -> None:
    """Somebody stops a good version in the middle of a step."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=SLOW))
    play.arrive(20)
    with play.turn(DRAIN_SECONDS):
        play.command("abort")
        play.until("aborted and drained", rolled_back)


def pause_and_go_on(play: Play) -> None:
    """A step that waits for people, then a pause in the middle of the next one."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=WAITING))
    play.until("waits for people", lambda s: s.state == "Paused" and s.percent == 20)
    play.stays("waits for people", lambda s: s.percent == 20, STANDSTILL_SECONDS)
    play.command("promote")
    play.until("at the next share", at(50))
    play.command("pause")
    play.stays("paused at this share", lambda s: s.percent == 50, STANDSTILL_SECONDS)
    play.command("resume")
    play.until("promoted", healthy)


def supersede(play: Play) -> None:
    """A third version is named while the second is on its way."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=SLOW))
    play.arrive(20)
    with play.turn(DRAIN_SECONDS + 2 * HOLD_SECONDS):
        play.apply(THIRD)
        play.until("the third is promoted", healthy)


def revert(play: Play) -> None:
    """The spec goes back to stable in the middle of a step."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=canary(step(50, LONG_HOLD_SECONDS))))
    play.arrive(50)
    play.apply(FIRST)
    play.until("serves as before", lambda s: healthy(s) and not s.retiring)


def delete(play: Play) -> None:
    """A Rollout is deleted in the middle of a step, and made anew under its name. Its users never stop asking."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=SLOW))
    play.arrive(20)
    uid = play.uid
    with play.absence():
        left = leftovers_after(play.cluster, NAMESPACE, GONE_SECONDS, uid)
        if left:
            raise Missed(f"{play.name}: of the deleted Rollout there is still {', '.join(left)}")
        play.apply(FIRST)
        play.until("the next one of its name serves", healthy)
    play.stays("the next one serves on", healthy, NEW_HOST_SECONDS + STANDSTILL_SECONDS)


def scale(play: Play) -> None:
    """Somebody, or an autoscaler, changes the number of replicas in the middle of a step."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=canary(step(20), step(50, 20))))
    play.until("at its second share", at(50))
    play.mark("scale to 2")
    play.kubectl("scale", "rollout", play.name, "--replicas=2")
    play.until("promoted, with two pods", lambda s: healthy(s) and s.replicas >= 2)


def switch_and_return(play: Play) -> None:
    """Blue-green: judged on the preview, all users moved at once, and, while the old version is warm, moved back."""
    strategy = blue_green(play.name)
    first = replace(FIRST, strategy=strategy)
    play.serve(first)
    play.open(where=preview_host(play.name))
    play.apply(replace(NEXT, strategy=strategy))
    play.until("on its preview", lambda s: s.candidate is not None and s.step_started_at is not None)
    with play.turn(HOLD_SECONDS + HOLD_SECONDS / 2):  # on the preview, and into the bake
        play.until("all users are moved, and the old version is warm", lambda s: healthy(s) and s.previous is not None)
    with play.turn(DRAIN_SECONDS):
        play.apply(first)
        play.until("all users are back", healthy, AT_ONCE_SECONDS)
        play.until("the other version is drained", lambda s: healthy(s) and not s.retiring)


def keep_users(play: Play) -> None:
    """Clients send their user's bucket, testers ask for the next version: two shares, and back."""
    first = replace(FIRST, strategy=PAUSING, sticky=True)
    play.serve(first)
    play.apply(replace(NEXT, strategy=PAUSING, sticky=True))
    for share in (20, 50):
        play.until(f"at {share} %", at(share))
        # The other users send no bucket: without this one nobody would judge it.
        play.until("people wait here", lambda s: s.state == "Paused", meanwhile=lambda: play.ask({BUCKET_HEADER: "00"}))
        look(play, share)
        play.command("promote" if share == 20 else "abort")
    play.until("aborted and drained", rolled_back)
    look(play, 0)


def look(play: Play, share: int) -> None:
    """Note who answers the users of each bucket, those without one, and testers, once the gateway follows."""
    time.sleep(LAG_SECONDS)
    asked = {bucket: {BUCKET_HEADER: bucket} for bucket in BUCKETS}
    asked |= {"": {}, TESTER["name"]: {TESTER["name"]: TESTER["value"]}}
    play.met.append((share, {who: play.ask(headers) for who, headers in asked.items()}))


def give_way(play: Play) -> None:
    """Two versions share the two pods that one has: nothing is interrupted."""
    play.serve(replace(FIRST, strategy=NO_SURGE, replicas=2))
    play.apply(replace(NEXT, strategy=NO_SURGE, replicas=2))
    play.until("promoted, with two pods", lambda s: healthy(s) and not s.retiring and s.replicas == 2)


def shadow(play: Play) -> None:
    """Copies of requests are asked of a gateway that says nothing of being able to copy."""
    play.serve(FIRST)
    play.apply(replace(NEXT, strategy=SHADOW))
    play.until("refused", lambda s: s.state == "Stalled")
    play.stays("refused", lambda s: s.percent == 0, STANDSTILL_SECONDS)


def rolled_back(status: RolloutStatus) -> bool:
    """Whether a version was rolled back and its pods are gone."""
    return status.last_rollback is not None and status.candidate is None and not status.retiring


TOGETHER = (
    *(promote, roll_back, abort, pause_and_go_on, supersede, revert, delete, scale, switch_and_return),
    *(keep_users, give_way, shadow),
)
"""Performed at the same time: all of them leave the control plane alone."""
