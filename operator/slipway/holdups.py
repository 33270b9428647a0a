"""What holds a Job up that neither it nor its pods tell?

A pod that the apiserver refuses is told in events of its Job only; a secret that a kubelet misses in events of the pod;
a place in a queue by Kueue. All three are asked for, now and then, and only while a Job waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from slipway.attempt import GRACE, IN_QUEUE, beginning
from slipway.jobs import LAST_WORDS, Run
from slipway.plan import Answer, Ask, Facts, Plan, Question, QueuePlace, Warnings

INADMISSIBLE: Final = "QueueInadmissible"
DEACTIVATED: Final = "WorkloadDeactivated"
NO_WORKLOAD: Final = "NotTakenByKueue"
FRAMEWORKS: Final = {"Job": "batch/job", "JobSet": "jobset.x-k8s.io/jobset"}
"""What Kueue calls what it starts and stops."""
NO_POD: Final = ("FailedCreate", "JobCreationFailed", "HeadlessServiceCreationFailed")
"""Words of the controllers of Jobs and JobSets."""
PULL_SECRET: Final = "FailedToRetrieveImagePullSecret"
PASSES: Final = re.compile(r"failed to sync (?:secret|configmap) cache")
"""A kubelet that has not heard yet of what a new pod mounts: it says so once, and the image is pulled after it."""
PATIENCE: Final = ((timedelta(minutes=5), 20), (timedelta(hours=1), 60), (timedelta.max, 300))
"""Up to which age of the wait it is asked every how many seconds."""
SKEW: Final = 5.0
"""Seconds by which clocks of a cluster may differ."""


@dataclass(frozen=True)
class Inquiry:
    """A Job, what is known of its hold-up by now, and what is asked next."""

    run: Run | None
    asks: tuple[Ask, ...] = ()
    look: timedelta | None = None

    def asking(self, plan: Plan) -> Plan:
        """Return `plan` with the questions, and with the time of the next ones."""
        if self.look is None:
            return plan
        waits = [wait for wait in (plan.requeue_after, self.look) if wait is not None]
        return replace(plan, asks=(*plan.asks, *self.asks), requeue_after=min(waits))


def inquire(run: Run | None, facts: Facts, now: datetime) -> Inquiry:
    """Return `run` with what was found out about its hold-up, and what to ask. Total; asks nothing of what runs."""
    question = _question(run, now) if run is not None else None
    if run is None or question is None:
        wait = _until_asked(run, now) if run is not None else None
        return Inquiry(run, look=wait)
    what = f"{type(question).__name__}/{run.name}"
    step = _step(now - beginning(run, now))
    present = f"{what}/{step}/{int(now.timestamp()) // step}"
    known = {name: answer for name, answer in facts.answers.items() if name.startswith(f"{what}/")}
    # The last answer holds until there is a newer one: status does not flap while it is asked again.
    last = present if present in known else max(known, key=lambda name: known[name].at, default=None)
    asks = tuple(Ask(name, question) for name in dict.fromkeys((present, last)) if name is not None)
    look = timedelta(seconds=step - now.timestamp() % step)
    told = _told(run, question, known[last], now) if last is not None else run
    return Inquiry(told, asks, look)


def _question(run: Run, now: datetime) -> Question | None:
    """Return what would tell more, once it is time to ask."""
    if run.phase != "Active" or run.running or run.ending:
        return None
    if run.suspended:
        return QueuePlace(run.namespace, run.queue, run.uid) if run.queue else None
    if now - beginning(run, now) < GRACE:
        return None
    if run.waiter is None:
        return Warnings("Job" if run.job else run.kind, run.namespace, run.job or run.name)
    silent = not run.waiter.reason or run.waiter.reason in ("ErrImagePull", "ImagePullBackOff")
    return Warnings("Pod", run.namespace, run.waiter.name) if silent else None


def _until_asked(run: Run, now: datetime) -> timedelta | None:
    """Return when a Job that has just begun is asked about, if it still waits then."""
    left = GRACE - (now - beginning(run, now))
    waits = run.phase == "Active" and not run.running and not run.suspended and not run.ending
    return left if waits and left > timedelta() else None


def _step(waited: timedelta) -> int:
    return next(seconds for age, seconds in PATIENCE if waited < age)


def _told(run: Run, question: Question, answer: Answer, now: datetime) -> Run:
    """Return `run` with the trouble that `answer` tells."""
    if isinstance(question, QueuePlace):
        reason, words = _place(run, answer, now)
        return replace(run, trouble=words, trouble_reason=reason)
    begun = beginning(run, now).timestamp() - SKEW
    if answer.error:
        return run if run.trouble else replace(run, trouble=answer.error)
    heard = [(at, labels) for labels, at in answer.series if at >= begun and _explains(labels, run)]
    if not heard:
        return run
    _, newest = max(heard, key=lambda one: (one[1]["reason"] == PULL_SECRET, one[0]))
    subject = f"{run.trouble.rstrip('. ')}: " if run.trouble else f"pod {run.waiter.name}: " if run.waiter else ""
    # Every try makes another name; a message that changes with it would be news for ever.
    said = re.sub(r'pods "[^"]*" is forbidden', "its pod is forbidden", newest["message"])[:LAST_WORDS]
    return replace(run, trouble=f"{subject}{said}", trouble_reason=newest["reason"])


def _explains(warning: Mapping[str, str], run: Run) -> bool:
    """Tell whether `warning` says more than is known already, and something that lasts."""
    reason = warning["reason"]
    if PASSES.search(warning["message"]):
        return False
    if run.waiter is None:
        return reason in NO_POD
    return reason == PULL_SECRET if run.waiter.reason else reason.startswith("Failed")


def _place(run: Run, answer: Answer, now: datetime) -> tuple[str, str]:
    """Return reason and words of a wait in a queue."""
    if answer.error:
        return IN_QUEUE, f"waits in queue {run.queue}; {answer.error}"
    if not answer.series:
        if now - (run.suspended_since or now) < GRACE:
            return IN_QUEUE, f"waits in queue {run.queue}"
        return NO_WORKLOAD, (
            f"Kueue has made no Workload of {run.title}: see that it runs, and that integrations.frameworks of its "
            f"configuration has {FRAMEWORKS[run.kind]}"
        )
    labels, number = answer.series[0]
    place = f", number {int(number)}" if number >= 1 else ""
    said = f"waits in queue {run.queue}{place}: {labels['message']}".rstrip(": ")
    if labels["condition"] == "Deactivated":
        cure = f"kubectl patch workload {labels['workload']} -n {run.namespace} --type merge -p " + (
            """'{"spec":{"active":true}}'"""
        )
        return DEACTIVATED, f"its Workload was deactivated ({labels['message'].rstrip('. ')}); to go on: {cure}"
    if labels["reason"] == "Inadmissible":
        return INADMISSIBLE, f"{said.rstrip('. ')}; create or activate that queue, it then goes on by itself"
    return IN_QUEUE, said
