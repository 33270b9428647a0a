"""How far is a Job of ours, and what did its pods say?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from slipway.api.conditions import moment
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import AnyResult, parse_result
from slipway.names import QUEUE_LABEL
from slipway.plan import Manifest, View

Phase = Literal["Active", "Complete", "Failed"]

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
SUSPENDED = "Suspended"
"""Condition of a Job that its controller knows to be suspended."""
LAST_WORDS = 500
EVICTED = "Evicted"
OOM_KILLED = "OOMKilled"
_WAITING_IS_NORMAL = ("", "ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class PodEnd:
    """How one pod of a Job ended."""

    pod: str
    """Its name; empty where it stands for several that are gone."""
    exit_code: int
    ended: datetime | None
    result: AnyResult | None
    last_words: str
    """What stands in the termination message when it is none of our results: the end of the log."""
    reason: str = ""
    """The kubelet's word, for example OOM_KILLED; Evicted where the pod itself used more than it may."""
    said: str = ""
    """The whole termination message."""
    disrupted: bool = False
    """It ended by eviction, preemption or the loss of its node, which is nobody's failure."""
    created: datetime | None = None
    """When the pod was made."""
    uids: tuple[str, ...] = ()
    """Of the pod, and of those that ended together with it; empty where all of them are gone."""


@dataclass(frozen=True)
class Waiter:
    """A pod of a Job that has not started yet."""

    name: str
    since: datetime | None
    reason: str = ""
    """The word of scheduler or kubelet, for example Unschedulable or ImagePullBackOff; empty while all is normal."""
    words: str = ""
    """What they say, with the name of the pod."""


@dataclass(frozen=True)
class Member:
    """One pod of a Job, as it is."""

    uid: str
    name: str = ""
    created: datetime | None = None
    phase: str = "Pending"
    leaving: bool = False
    """It was told to go."""
    end: PodEnd | None = None
    waiter: Waiter | None = None
    """What keeps it from starting; None once it is at work, and after its end."""

    @property
    def over(self) -> bool:
        """Whether it has ended, though it may have left no word of how."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def open(self) -> bool:
        """Whether it may still do something."""
        return self.end is None and not self.over


@dataclass(frozen=True)
class Run:
    """One Job and the ends of its pods, oldest first."""

    name: str
    phase: Phase
    labels: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    suspended: bool = False
    reason: str = ""
    """Why the Job failed, as the Job controller says: BackoffLimitExceeded, DeadlineExceeded, PodFailurePolicy."""
    message: str = ""
    ended: datetime | None = None
    ends: tuple[PodEnd, ...] = ()
    running: int = 0
    waiter: Waiter | None = None
    """The newest pod, while it has not started."""
    trouble: str = ""
    """Why no pod starts, in the words of scheduler, kubelet, apiserver or queue; empty when nothing is wrong."""
    trouble_reason: str = ""
    """The same in a word."""
    namespace: str = ""
    uid: str = ""
    admitted: datetime | None = None
    """When it was last allowed to start pods; None while it is not."""
    suspended_since: datetime | None = None
    """None while it is not, or while nobody knows since when."""
    kind: Literal["Job", "JobSet"] = "Job"
    job: str = ""
    """Name of the Job that makes its pods: its own, or that of the one Job of a JobSet, once it is made."""
    ending: str = ""
    """Name of a pod that has not ended, though its mates have, or are to."""
    members: tuple[Member, ...] = ()
    """Its pods that are there, oldest first."""
    grace_seconds: int | None = None
    """What its pods are granted between SIGTERM and SIGKILL."""
    overdue: bool = False
    """Its own deadline has passed, and its controller deletes its pods."""

    @property
    def title(self) -> str:
        """Kind and name, for people."""
        return f"{self.kind} {self.name}"

    @property
    def tries_again(self) -> bool:
        """Whether it makes a pod that failed anew by itself; else all are made anew, as another attempt."""
        return self.kind == "Job"

    @property
    def pods(self) -> str:
        """Its pods, for people."""
        return "pod" if self.kind == "Job" else "pods"

    @property
    def queue(self) -> str | None:
        """The queue of Kueue that starts and stops it, whoever put it there."""
        return self.labels.get(QUEUE_LABEL)

    @property
    def last(self) -> PodEnd | None:
        """The newest pod that ended."""
        return self.ends[-1] if self.ends else None

    @property
    def objects(self) -> frozenset[tuple[str, str]]:
        """(kind, name) of the Job and its job file, which has its name."""
        return frozenset({(self.kind, self.name), ("ConfigMap", self.name)})

    @property
    def result(self) -> AnyResult | None:
        """What the newest ended pod reported."""
        return self.last.result if self.last is not None else None


def runs(view: View, uid: str) -> tuple[Run, ...]:
    """Return the Jobs of root `uid` as they are, sorted by time of creation, then name."""
    pods = view.owned(uid, "Pod")
    return in_order(read(job, of_job(job, pods)) for job in view.owned(uid, "Job"))


def in_order(found: Iterable[Run]) -> tuple[Run, ...]:
    """Return `found` sorted by time of creation, then name."""
    return tuple(sorted(found, key=lambda run: (run.created.timestamp() if run.created else 0.0, run.name)))


def of_job(job: Manifest, pods: Iterable[Manifest]) -> Sequence[Manifest]:
    """Return those of `pods` that `job` has made."""
    return [pod for pod in pods if _job_of(pod) == job["metadata"]["name"]]


def read(job: Manifest, pods: Iterable[Manifest]) -> Run:
    """Return what `job` and its `pods` show."""
    meta, status = job["metadata"], job.get("status") or {}
    told = {c["type"]: c for c in status.get("conditions") or ()}
    true = {name: c for name, c in told.items() if c.get("status") == "True"}
    phase: Phase = "Complete" if "Complete" in true else "Failed" if "Failed" in true else "Active"
    final = true.get(phase, {})
    pods = sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))
    members = tuple(map(_member, pods))
    ends = [pod.end for pod in members if pod.end is not None]
    waits = [pod.waiter for pod in members if not pod.over]
    suspended = bool((job.get("spec") or {}).get("suspend"))
    waiter = waits[-1] if phase == "Active" and waits and not suspended else None
    return Run(
        name=meta["name"],
        phase=phase,
        labels=meta.get("labels") or {},
        created=when(meta.get("creationTimestamp")),
        suspended=suspended,
        reason=final.get("reason") or "",
        message=final.get("message") or "",
        ended=when(status.get("completionTime") or final.get("lastTransitionTime")),
        ends=tuple(sorted(ends, key=lambda end: end.ended.timestamp() if end.ended else 0.0)),
        running=waits.count(None),
        waiter=waiter,
        trouble=waiter.words if waiter is not None else "",
        trouble_reason=waiter.reason if waiter is not None else "",
        namespace=meta.get("namespace") or "",
        uid=meta.get("uid") or "",
        # Until the Job controller has seen the latest word, what it says is of the time before.
        admitted=when(status.get("startTime")) if not suspended and SUSPENDED not in true else None,
        suspended_since=suspended_since(told.get(SUSPENDED), meta) if suspended else None,
        job=meta["name"],
        members=members,
        grace_seconds=grace_of(job),
        overdue=any(true.get(name, {}).get("reason") == "DeadlineExceeded" for name in ("Failed", "FailureTarget")),
    )


def grace_of(job: Manifest) -> int | None:
    """Return what the pods of a Job, or of a template of one, are granted between SIGTERM and SIGKILL, in seconds."""
    template = (job.get("spec") or {}).get("template") or {}
    found: int | None = (template.get("spec") or {}).get("terminationGracePeriodSeconds")
    return found


def _member(pod: Manifest) -> Member:
    meta = pod["metadata"]
    found = Member(
        uid=_uid(meta),
        name=meta["name"],
        created=when(meta.get("creationTimestamp")),
        phase=(pod.get("status") or {}).get("phase") or "Pending",
        leaving="deletionTimestamp" in meta,
        end=_end(pod),
    )
    return found if found.over else replace(found, waiter=_waiter(pod))


def _uid(meta: Manifest) -> str:
    return str(meta.get("uid") or meta["name"])


def _job_of(pod: Manifest) -> str | None:
    labels = pod["metadata"].get("labels") or {}
    name: str | None = labels.get(JOB_NAME_LABEL)
    return name


def _main(pod: Manifest) -> Mapping[str, Any] | None:
    """Return the status of the container that speaks for `pod`: the first one, in order, that has not ended well."""
    status = pod.get("status") or {}
    for first in status.get("initContainerStatuses") or ():
        ended = (first.get("state") or {}).get("terminated")
        if ended is None or ended.get("exitCode") != ExitCode.OK:
            return dict(first)
    statuses = status.get("containerStatuses") or ()
    return next((s for s in statuses if s.get("name") == "main"), None)


def _end(pod: Manifest) -> PodEnd | None:
    main = _main(pod)
    ended = ((main or {}).get("state") or {}).get("terminated")
    if ended is None:
        return None
    said, reason = ended.get("message") or "", ended.get("reason") or ""
    result, status = parse_result(said), pod["status"]
    words = "" if result is not None else said.strip()[-LAST_WORDS:]
    code, disturbed = int(ended.get("exitCode", 1)), _is_target(pod) or _was_deleted(pod, when(ended.get("finishedAt")))
    if status.get("reason") == EVICTED and not disturbed:
        # The kubelet ends nobody else's pod for its own limits, and a new one would meet them again.
        words, reason = (status.get("message") or "").strip().rstrip(".")[-LAST_WORDS:], EVICTED
    return PodEnd(
        pod=pod["metadata"]["name"],
        exit_code=code,
        ended=when(ended.get("finishedAt")),
        result=result,
        last_words=words,
        reason=reason,
        said=said,
        disrupted=code == ExitCode.PREEMPTED or disturbed,
        created=when(pod["metadata"].get("creationTimestamp")),
        uids=(_uid(pod["metadata"]),),
    )


def _is_target(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "DisruptionTarget" and c.get("status") == "True" for c in conditions)


def _was_deleted(pod: Manifest, ended: datetime | None) -> bool:
    """Tell whether `pod` was deleted while it was at work: a drain without eviction, or somebody's kubectl.

    Its deletionTimestamp is when its time of grace is over, and so may lie after its end.
    """
    meta = pod["metadata"]
    due, grace = when(meta.get("deletionTimestamp")), meta.get("deletionGracePeriodSeconds") or 0
    return due is not None and ended is not None and ended >= due - timedelta(seconds=grace)


def suspended_since(condition: Manifest | None, meta: Manifest) -> datetime | None:
    """Return since when a Job is suspended; None while its controller has not seen that it is again."""
    if condition is None:
        return when(meta.get("creationTimestamp"))  # it was made so
    return when(condition.get("lastTransitionTime")) if condition.get("status") == "True" else None


def _has_started(pod: Manifest) -> bool:
    """Tell whether `pod` is at work: also where that is done in containers that come before the last one, in which
    Kubernetes still calls it Pending.
    """
    status = pod.get("status") or {}
    before = (first.get("state") or {} for first in status.get("initContainerStatuses") or ())
    return status.get("phase") == "Running" or any("running" in state or "terminated" in state for state in before)


def _waiter(pod: Manifest) -> Waiter | None:
    """Return what keeps `pod` from starting, if it has not started."""
    if _has_started(pod):
        return None
    meta, status = pod["metadata"], pod.get("status") or {}
    name, since = meta["name"], when(meta.get("creationTimestamp"))
    state = (_main(pod) or {}).get("state") or {}
    waiting = why_waiting(state)
    if waiting:
        return Waiter(name, since, state["waiting"]["reason"], f"pod {name}: {waiting}")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            said = f"pod {name} cannot be scheduled: {condition.get('message', '')}".rstrip(": ")
            return Waiter(name, since, condition.get("reason") or "Unschedulable", said[:LAST_WORDS])
    return Waiter(name, since)


def why_waiting(state: Mapping[str, Any]) -> str:
    """Return what keeps a container in `state` from starting, and the cure where it is known; empty: nothing does."""
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason") or "", str(waiting.get("message") or "")[:LAST_WORDS]
    if reason in _WAITING_IS_NORMAL:
        return ""
    if reason == "CreateContainerConfigError" and "not found" in message:
        message += "; is this namespace among workloadNamespaces of the chart, which makes the store's Secret there?"
    return f"{reason}: {message}".rstrip(": ")


def when(written: str | None) -> datetime | None:
    """Return the time that `written` says, if it says one."""
    return moment(written) if written else None
