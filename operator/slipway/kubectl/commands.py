"""Which version does a command of a person mean, and is there anything it could act on?

The operator has the last word: it refuses a command that names another version than the one on its way, and says so in
status.commands. What is refused here already would do nothing there, and a person should not have to look for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from slipway.api.rollout import COMMAND_PREFIX, Command, CommandName, RevisionRef
from slipway.kubectl.advice import ROLLED_BACK
from slipway.kubectl.failures import Refused
from slipway.kubectl.measures import measures
from slipway.kubectl.progress import place
from slipway.kubectl.release import Release

COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
INSIST = "--version VERSION writes the command all the same"


@dataclass(frozen=True)
class Order:
    """A command as it is written: an annotation whose value names the version, and the moment, so that it is new."""

    command: CommandName
    version: str
    at: datetime

    @property
    def key(self) -> str:
        """The annotation."""
        return COMMAND_PREFIX + self.command

    @property
    def value(self) -> str:
        """Its value."""
        return f"{self.version}@{self.at.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}"

    def answered(self, release: Release) -> Command | None:
        """Return what the operator did with it, once it did."""
        found = (entry for entry in release.status.commands if entry.name == self.command)
        return next((entry for entry in found if entry.value == self.value), None)


def meant(command: CommandName, release: Release) -> str:
    """Return the version that `command` should name; raise Refused where it could not act on anything."""
    try:
        return AIMS[command](release)
    except Refused as refused:
        raise Refused(f"{command} would do nothing: {refused}. {INSIST}") from None


def _retry(release: Release) -> str:
    wanted = release.wanted
    # The same bytes may have failed under another name.
    blocked = release.ready is not None and release.ready.reason == ROLLED_BACK
    if not blocked and all(entry.version != wanted for entry in release.status.failed):
        raise Refused(f"{wanted}, which spec.version names, has not failed{_failed(release)}")
    return wanted


def _abort(release: Release) -> str:
    return _on_its_way(release).version


def _pause(release: Release) -> str:
    return _on_its_way(release).version


def _resume(release: Release) -> str:
    candidate = _on_its_way(release)
    if release.status.paused is None:
        waits = release.at_pause
        raise Refused(
            f"{candidate.version} waits at a step with pause, which promote ends: {release.command('promote')}"
            if waits
            else f"{candidate.version} is not paused"
        )
    return candidate.version


def _promote(release: Release) -> str:
    candidate = _on_its_way(release)
    if release.steps and not release.at_pause:
        raise Refused(
            f"{candidate.version} waits at no step with pause ({place(release)}); skip-step ends the present step, "
            "promote-full all of them"
        )
    return _unhindered(release, candidate)


def _skip_step(release: Release) -> str:
    candidate = _on_its_way(release)
    _has_steps_left(release)
    return _unhindered(release, candidate)


def _promote_full(release: Release) -> str:
    candidate = _on_its_way(release)
    _has_steps_left(release)
    return _unhindered(release, candidate, paused=False)


AIMS: dict[CommandName, Callable[[Release], str]] = {
    "retry": _retry,
    "abort": _abort,
    "pause": _pause,
    "resume": _resume,
    "promote": _promote,
    "skip-step": _skip_step,
    "promote-full": _promote_full,
}


def _on_its_way(release: Release) -> RevisionRef:
    candidate, stable = release.status.candidate, release.status.stable
    if candidate is None:
        serves = f"{stable.version} serves" if stable is not None else "nothing serves yet"
        raise Refused(f"no version is on its way ({release.status.state}, {serves})")
    if stable is None:
        raise Refused(f"{candidate.version} is the first version: there is nothing to return to, and no step")
    return candidate


def _has_steps_left(release: Release) -> None:
    if not release.stepping:
        raise Refused("all steps are passed, and the bake is not skipped")


def _unhindered(release: Release, candidate: RevisionRef, *, paused: bool = True) -> str:
    if release.wanted != candidate.version:
        raise Refused(f"the spec names {release.wanted}, so {candidate.version} goes no further")
    if paused and release.status.paused is not None:
        raise Refused(f"{candidate.version} is paused: {release.command('resume')}")
    failing = next((m for m in measures(release) if m.critical and m.hinders("Fail")), None)
    if failing is not None and failing.found is not None:
        raise Refused(f"{failing.name} fails, and a command overrules no verdict: {failing.found.message}")
    return candidate.version


def _failed(release: Release) -> str:
    names = sorted({entry.version for entry in release.status.failed})
    return f"; failed: {', '.join(names)} (name it in spec.version first)" if names else ""
