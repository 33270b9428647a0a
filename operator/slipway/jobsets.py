"""How far is a run that has several pods, and what did they say?

Its pods are those of one JobSet, which makes one Job of them. They start together and end together: what a run of one
pod tells by the end of that pod, this one tells by the end of the pod that knows best why all of them ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from slipway.attempt import KILLED
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import NODE_LOST, UNEXPECTED, Failed, Trained
from slipway.jobs import (
    OOM_KILLED,
    SUSPENDED,
    Member,
    Phase,
    PodEnd,
    Run,
    Waiter,
    grace_of,
    in_order,
    of_job,
    read,
    suspended_since,
    when,
)
from slipway.plan import Manifest, View
from slipway.rounds import Round, made, rounds

KIND: Final = "JobSet"
API_VERSION: Final = "jobset.x-k8s.io/v1alpha2"
NO_JOB: Final = "NotTakenByJobSet"
NO_JOB_SAID: Final = "no Job was made of it"
_PHASES: Final[dict[str, Phase]] = {"Completed": "Complete", "Failed": "Failed"}
_BY_PODS: Final = ("BackoffLimitExceeded", "PodFailurePolicy")
"""Why a Job fails whose pod has failed."""


def runs(view: View, uid: str) -> tuple[Run, ...]:
    """Return the Jobs and JobSets of root `uid` as they are, sorted by time of creation, then name."""
    jobs, pods = view.owned(uid, "Job"), view.owned(uid, "Pod")
    alone = [read(job, of_job(job, pods)) for job in jobs if _owner(job) is None]
    made = {owner: job for job in jobs if (owner := _owner(job)) is not None}
    together = []
    for jobset in view.owned(uid, KIND):
        job = made.get(jobset["metadata"]["uid"])
        together.append(read_set(jobset, job, of_job(job, pods) if job is not None else ()))
    return in_order((*alone, *together))


def read_set(jobset: Manifest, job: Manifest | None, pods: Sequence[Manifest]) -> Run:
    """Return what `jobset`, the `job` that was made of it and its `pods` show."""
    meta, spec = jobset["metadata"], jobset.get("spec") or {}
    told = {c["type"]: c for c in (jobset.get("status") or {}).get("conditions") or ()}
    true = [name for name, condition in told.items() if condition.get("status") == "True"]
    phase: Phase = next((_PHASES[name] for name in true if name in _PHASES), "Active")
    final: Manifest = next((told[name] for name in true if name in _PHASES), {})
    suspended = bool(spec.get("suspend"))
    run = Run(
        name=meta["name"],
        phase=phase,
        labels=meta.get("labels") or {},
        created=when(meta.get("creationTimestamp")),
        suspended=suspended,
        reason=final.get("reason") or "",
        message=final.get("message") or "",
        ended=when(final.get("lastTransitionTime")),
        namespace=meta.get("namespace") or "",
        uid=meta.get("uid") or "",
        suspended_since=suspended_since(told.get(SUSPENDED), meta) if suspended else None,
        kind=KIND,
        grace_seconds=grace_of(spec["replicatedJobs"][0]["template"]),
    )
    if job is None:
        waits = phase == "Active" and not suspended
        return replace(run, trouble=NO_JOB_SAID, trouble_reason=NO_JOB) if waits else run
    return _with_pods(run, job, pods, spec["replicatedJobs"][0]["template"]["spec"]["parallelism"], SUSPENDED in true)


def _with_pods(run: Run, job: Manifest, pods: Sequence[Manifest], nodes: int, held: bool) -> Run:
    """Return `run` with what its `job` and `pods` show; `held`: its controller still knows it as suspended."""
    seen = read(job, pods)
    found = rounds(seen.name, seen.members)
    ends = _together(found, nodes, over=run.phase != "Active")
    if seen.phase == "Failed":  # it says why; the JobSet only that it did
        run = replace(run, reason=seen.reason, message=seen.message)
    if run.phase == "Failed" and not ends and run.reason in _BY_PODS:
        ends = (_traceless(run),)
    active = run.phase == "Active" and not run.suspended
    ending = _ending(job, found) if active else ""
    waiter = _waiter(seen) if active and not ending else None
    counts = not active or (not ending and _all_here(found, nodes))
    return replace(
        run,
        job=seen.name,
        ends=ends,
        ending=ending,
        running=seen.running if counts else 0,
        waiter=waiter,
        trouble=waiter.words if waiter is not None else "",
        trouble_reason=waiter.reason if waiter is not None else "",
        admitted=seen.admitted if not run.suspended and not held else None,
        members=seen.members,
        overdue=seen.overdue,
    )


def _waiter(seen: Run) -> Waiter | None:
    """Return a pod that has not started: one that says why, if one does."""
    if seen.phase != "Active" or seen.suspended:
        return None
    found = [pod.waiter for pod in seen.members if pod.waiter is not None]
    return min(found, key=lambda waiter: not waiter.reason, default=None)


def _all_here(found: Sequence[Round], nodes: int) -> bool:
    """Tell whether every one of the run's pods has started: one that waits for others does not train."""
    return sum(_started(pod) for pod in found[0]) >= nodes if found else False


def _started(pod: Member) -> bool:
    """Tell whether `pod` has started, and may have ended."""
    return pod.phase != "Pending"


def _ending(job: Manifest, found: Sequence[Round]) -> str:
    """Return the name of a pod that has not ended, though those that it was at work with have; empty: there is none.

    From Kubernetes 1.31 on a Job has failed only when all its pods have ended, and one on a lost node never does.
    """
    told = (job.get("status") or {}).get("conditions") or ()
    fails = any(c["type"] in ("FailureTarget", "Failed") and c.get("status") == "True" for c in told)
    for number, pods in enumerate(found):
        over = number > 0 or any(pod.phase == "Failed" for pod in pods)
        for pod in pods:
            if not pod.over and (fails or (_started(pod) and (over or _left_over(pod, found[number + 1 :])))):
                return pod.name
    return ""


def _left_over(pod: Member, earlier: Sequence[Round]) -> bool:
    """Tell whether `pod`, which is to go, was at work with `earlier` ones: until it ends, none takes its place."""
    ended = (mate.end.ended for pods in earlier for mate in pods if mate.end is not None)
    return pod.leaving and any(at is not None and made(pod) < at for at in ended)


def _together(found: Sequence[Round], nodes: int, *, over: bool) -> tuple[PodEnd, ...]:
    """Return one end for each time that all pods ended, oldest first.

    A time counts when all have ended, or nothing is waited for any more: until then another one may tell more. Of an
    earlier time than the last, those that are missing are gone.
    """
    times = []
    for number, pods in enumerate(found):
        ends = [pod.end for pod in pods if pod.end is not None]
        waits = any(not pod.over for pod in pods) or (number == 0 and len(ends) < nodes)
        if ends and (over or not waits):
            times.append(telling(ends))
    return tuple(reversed(times))


def telling(ends: Sequence[PodEnd]) -> PodEnd:
    """Return the end that tells why all of `ends`, which came together, have come."""
    found = min(ends, key=lambda end: (_weight(end), end.ended.timestamp() if end.ended else 0.0, end.pod))
    uids = tuple(uid for end in ends for uid in end.uids)
    # Whoever was missed has left no word: it was deleted, or its node was.
    return replace(found, uids=uids, disrupted=found.disrupted or _of_another(found))


def _weight(end: PodEnd) -> int:
    """Return how little `end` tells of a cause."""
    if isinstance(end.result, Trained):
        return 0
    if _of_another(end):
        return 5
    if isinstance(end.result, Failed) and end.result.reason != UNEXPECTED:
        return 1
    if end.reason == OOM_KILLED:
        return 2
    if end.disrupted:
        return 3
    return 6 if end.exit_code == ExitCode.OK else 4


def _of_another(end: PodEnd) -> bool:
    return isinstance(end.result, Failed) and end.result.reason == NODE_LOST


def _traceless(run: Run) -> PodEnd:
    """Return the end of pods that are gone: one that fails by itself stays, so these were deleted."""
    return PodEnd("", KILLED, run.ended, None, "", disrupted=True, created=run.ended)


def _owner(job: Manifest) -> str | None:
    """Return the uid of the JobSet that made `job`."""
    owners = job["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in owners if one.get("controller") and one.get("kind") == KIND), None)
