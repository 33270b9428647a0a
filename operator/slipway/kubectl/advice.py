"""What should a person do about the state of a Rollout?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from slipway.api.rollout import RolloutState
from slipway.kubectl.measures import measures
from slipway.kubectl.progress import goes_on
from slipway.kubectl.release import Release

ROLLED_BACK = "RolledBack"


@dataclass(frozen=True)
class Advice:
    """What to do, and the line to type where there is one."""

    words: str
    command: str = ""


def advice(release: Release) -> list[Advice]:
    """Return what to do next, the first thing first."""
    return list(ADVICE[release.status.state](release))


def _pending(release: Release) -> Iterable[Advice]:
    yield Advice(
        f"Wait until {release.wanted} is evaluated; see how far it is:",
        f"kubectl describe modelversion {release.wanted} -n {release.namespace}",
    )


def _initializing(release: Release) -> Iterable[Advice]:
    yield Advice("Wait. If it takes long, look at the pods that the message names:", _pods(release))


def _progressing(release: Release) -> Iterable[Advice]:
    yield from _evidence_wanted(release)
    yield Advice("Nothing has to be done. Watch it:", release.command("get") + " -w")
    if release.status.candidate is not None and release.status.stable is not None:
        yield Advice("To return all traffic to stable now:", release.command("abort"))


def _paused(release: Release) -> Iterable[Advice]:
    yield Advice("Look at the figures and decide. To go on:", goes_on(release))
    yield Advice("To return all traffic to stable now:", release.command("abort"))


def _baking(release: Release) -> Iterable[Advice]:
    yield from _evidence_wanted(release)
    yield Advice("Nothing has to be done. To return all traffic to the version before now:", release.command("abort"))


def _rolling_back(release: Release) -> Iterable[Advice]:
    yield Advice("Nothing has to be done: traffic is back already, the pods drain.")
    yield Advice("Then read why:", release.command("why"))


def _healthy(release: Release) -> Iterable[Advice]:
    yield Advice("Nothing. To release another version, change spec.version.name:", _name_another(release))


def _degraded(release: Release) -> Iterable[Advice]:
    status, ready = release.status, release.ready
    if ready is None or ready.reason != ROLLED_BACK:
        yield Advice("Mend what the message names; it goes on by itself. The pods:", _pods(release))
        return
    yield Advice("Repair the model and release a new version, or go on with another one:", _name_another(release))
    if status.stable is not None and release.wanted != status.stable.version:
        yield Advice(f"To settle for {status.stable.version}:", _patch(release, status.stable.version))
    yield Advice(f"If {release.wanted} was not to blame, try it again:", release.command("retry"))


def _stalled(release: Release) -> Iterable[Advice]:
    yield Advice("Change what the message names; traffic has not moved. Versions that may serve:", _versions(release))
    yield Advice("To choose one:", _name_another(release))


ADVICE: dict[RolloutState, Callable[[Release], Iterable[Advice]]] = {
    "Pending": _pending,
    "Initializing": _initializing,
    "Progressing": _progressing,
    "Paused": _paused,
    "Baking": _baking,
    "RollingBack": _rolling_back,
    "Healthy": _healthy,
    "Degraded": _degraded,
    "Stalled": _stalled,
}


def _evidence_wanted(release: Release) -> Iterable[Advice]:
    """Tell what each metric that does not pass needs before the candidate can move on."""
    cures = {
        "TooFewSamples": "needs more requests: wait, send more traffic, or lower its minSamples",
        "NoData": "gives no figures: do requests reach the candidate, and does the query fit its labels?",
        "Error": "cannot be measured: mend what its message says",
    }
    for measure in measures(release):
        if measure.hinders(*cures):
            yield Advice(f"Metric {measure.name} {cures[measure.outcome]}.")


def _name_another(release: Release) -> str:
    return _patch(release, "VERSION")


def _patch(release: Release, version: str) -> str:
    body = f'{{"spec":{{"version":{{"name":"{version}"}}}}}}'
    return f"kubectl patch rollout.slipway.dev {release.name} -n {release.namespace} --type merge -p '{body}'"


def _versions(release: Release) -> str:
    fields = f"spec.model={release.spec.model},status.state=Ready"
    return f"kubectl get modelversions -n {release.namespace} --field-selector {fields}"


def _pods(release: Release) -> str:
    return f"kubectl get pods -n {release.namespace} -l slipway.dev/rollout={release.name}"
