"""How far is a run that has several pods, and what did they say?

Its pods are those of one JobSet, which makes one Job of them. They start together and end together: what a run of one
pod tells by the end of that pod, this one tells by the end of the pod that knows best why all of them ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import Final

from slipway.api.conditions import moment
from slipway.attempt import KILLED
from slipway.contract.exitcodes import ExitCode
from slipway.contract.result import NODE_LOST, UNEXPECTED, Failed, Trained
from slipway.jobs import SUSPENDED, Phase, PodEnd, Run, Waiter, of_job, read, suspended_since
from slipway.plan import Manifest, View

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
    sets = {found["metadata"]["uid"]: found for found in view.owned(uid, KIND)}
    made: dict[str, Manifest] = {}
    found: list[Run] = []
    for job in jobs:
        owner = _owner(job)
        if owner is None:
            found.append(read(job, of_job(job, pods)))
        else:
            made[owner] = job
    for owner, jobset in sets.items():
        job_of = made.get(owner)
        found.append(read_set(jobset, job_of, of_job(job_of, pods) if job_of is not None else ()))
    return tuple(sorted(found, key=lambda run: (run.created.timestamp() if run.created else 0.0, run.name)))


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
        created=_moment(meta.get("creationTimestamp")),
        suspended=suspended,
        reason=final.get("reason") or "",
        message=final.get("message") or "",
        ended=_moment(final.get("lastTransitionTime")),
        namespace=meta.get("namespace") or "",
        uid=meta.get("uid") or "",
        suspended_since=suspended_since(told.get(SUSPENDED), meta) if suspended else None,
        kind="JobSet",
    )
    if job is None:
        waits = phase == "Active" and not suspended
        return replace(run, trouble=NO_JOB_SAID, trouble_reason=NO_JOB) if waits else run
    return _with_pods(run, job, pods, spec["replicatedJobs"][0]["template"]["spec"]["parallelism"], SUSPENDED in true)


def _with_pods(run: Run, job: Manifest, pods: Sequence[Manifest], nodes: int, held: bool) -> Run:
    """Return `run` with what its `job` and `pods` show; `held`: its controller still knows it as suspended."""
    seen = read(job, pods)
    ends = _together(seen, nodes, over=run.phase != "Active")
    if seen.phase == "Failed":  # it says why; the JobSet only that it did
        run = replace(run, reason=seen.reason, message=seen.message)
    if run.phase == "Failed" and not ends and run.reason in _BY_PODS:
        ends = (_traceless(run),)
    waiter = _waiter(job, pods) if run.phase == "Active" and not run.suspended else None
    counts = run.suspended or run.phase != "Active" or _all_here(seen.name, pods, nodes)
    return replace(
        run,
        job=seen.name,
        ends=ends,
        running=seen.running if counts else 0,
        waiter=waiter,
        trouble=waiter.words if waiter is not None else "",
        trouble_reason=waiter.reason if waiter is not None else "",
        admitted=seen.admitted if not run.suspended and not held else None,
        members=seen.members,
        overdue=seen.overdue,
    )


def _waiter(job: Manifest, pods: Sequence[Manifest]) -> Waiter | None:
    """Return a pod that has not started: one that says why, if one does."""
    found = [waiter for pod in pods if (waiter := read(job, [pod]).waiter) is not None]
    return min(found, key=lambda waiter: not waiter.reason, default=None)


def _all_here(job: str, pods: Sequence[Manifest], nodes: int) -> bool:
    """Tell whether every one of the run's pods has started: one that waits for others does not train."""
    newest: dict[str, Manifest] = {}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or "")):
        newest[_index(job, pod["metadata"]["name"])] = pod
    started = [pod for pod in newest.values() if (pod.get("status") or {}).get("phase") not in (None, "Pending")]
    return len(started) >= nodes


def _together(seen: Run, nodes: int, *, over: bool) -> tuple[PodEnd, ...]:
    """Return one end for each time that all pods ended, oldest first.

    The last time counts when all have ended, or nothing is waited for any more: until then another one may tell more.
    """
    by_index: dict[str, list[PodEnd]] = {}
    for end in sorted(seen.ends, key=lambda end: end.created.timestamp() if end.created is not None else 0.0):
        by_index.setdefault(_index(seen.name, end.pod), []).append(end)
    times = [[end for end in time if end is not None] for time in zip_longest(*by_index.values())]
    if times and len(times[-1]) < nodes and not over:
        times = times[:-1]
    return tuple(telling(time) for time in times)


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
    if end.reason == "OOMKilled":
        return 2
    if end.disrupted:
        return 3
    return 6 if end.exit_code == ExitCode.OK else 4


def _of_another(end: PodEnd) -> bool:
    return isinstance(end.result, Failed) and end.result.reason == NODE_LOST


def _traceless(run: Run) -> PodEnd:
    """Return the end of pods that are gone: one that fails by itself stays, so these were deleted."""
    return PodEnd(run.name, KILLED, run.ended, None, "", disrupted=True, created=run.ended)


def _owner(job: Manifest) -> str | None:
    """Return the uid of the JobSet that made `job`."""
    owners = job["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in owners if one.get("controller") and one.get("kind") == KIND), None)


def _index(job: str, pod: str) -> str:
    """Return the number of a pod of an Indexed Job, by its name."""
    return pod.removeprefix(f"{job}-").partition("-")[0]


def _moment(written: str | None) -> datetime | None:
    return moment(written) if written else None
