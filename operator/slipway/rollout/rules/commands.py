"""Which commands did people write, and what does each do, once?

A command is an annotation slipway.dev/NAME=VERSION or VERSION@ANYTHING. It means the version that it names: one that
finds another version on its way does nothing and says so. The value last handled is remembered, so that each acts once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from slipway.api.conditions import timestamp
from slipway.api.rollout import COMMAND_PREFIX, CandidateStatus, Command, CommandName, Paused
from slipway.plan import Event
from slipway.rollout import reasons
from slipway.rollout.analysis import evidence
from slipway.rollout.rules.moves import blocking, failing_now, onward, resumed, roll_back
from slipway.rollout.situation import Situation

LONGEST = 320
"""Characters of an annotation's value that count."""


@dataclass(frozen=True)
class Refusal:
    """A command that does nothing, and why."""

    why: str
    outcome: Literal["Refused", "Stale"] = "Refused"


NO_STEP_LEFT = Refusal("all steps are passed, and the bake is not skipped")

Act = Callable[[Situation, CandidateStatus], Situation | Refusal]


def retry(s: Situation) -> Situation | None:
    """Try a failed version again, the one that the command names and the spec wants."""
    written = unhandled(s, "retry")
    if written is None:
        return None
    name = written.partition("@")[0]
    # The failure that stands in the way may be told of the same bytes under another name.
    cleared = [entry for entry in s.status.failed if entry.version == name or entry == blocking(s)]
    if name != s.spec.version.name:
        return refused(s, "retry", written, Refusal(f"the spec names {s.spec.version.name}", "Stale"))
    if not cleared:
        return refused(s, "retry", written, Refusal("it has not failed", "Stale"))
    event = Event(reasons.RETRY, f"{name} is tried again, as annotation {COMMAND_PREFIX}retry asks")
    left = [entry for entry in s.status.failed if entry not in cleared]
    return handled(s.moved(event, failed=left), "retry", written, "Done", event.message)


def abort(s: Situation) -> Situation | None:
    """Return all traffic to stable now, and remember the version as failed."""

    def act(s: Situation, candidate: CandidateStatus) -> Situation | Refusal:
        back = roll_back(s, reasons.ABORTED, f"annotation {COMMAND_PREFIX}abort named {candidate.version}")
        assert back is not None
        return back

    return on_candidate(s, "abort", act)


def pause(s: Situation) -> Situation | None:
    """Keep the candidate at its share, judged on, until it is resumed."""

    def act(s: Situation, candidate: CandidateStatus) -> Situation | Refusal:
        why = f"annotation {COMMAND_PREFIX}pause named {candidate.version}"
        held = Paused(by="Command", since=timestamp(s.now), percent=s.status.percent, message=why)
        return s.moved(Event(reasons.PAUSED, f"{candidate.version} stays at {s.status.percent} %: {why}"), paused=held)

    return on_candidate(s, "pause", act)


def resume(s: Situation) -> Situation | None:
    """Undo a pause by command or by silence; silence is counted anew."""

    def act(s: Situation, candidate: CandidateStatus) -> Situation | Refusal:
        if s.status.paused is None:
            waits = s.stepping and s.step.pause
            return Refusal("it waits at a step with pause: write promote" if waits else "it is not paused")
        return s.moved(Event(reasons.RESUMED, f"{candidate.version} goes on"), paused=None, **resumed(s))

    return on_candidate(s, "resume", act)


def promote(s: Situation) -> Situation | None:
    """End a step with `pause`."""

    def act(s: Situation, candidate: CandidateStatus) -> Situation | Refusal:
        if not (s.stepping and s.step.pause):
            return Refusal("it waits at no step with pause: skip-step ends the present step, promote-full all of them")
        event = Event(reasons.PAUSE_ENDED, f"{candidate.version} goes on from step {s.status.step + 1}")
        return _standing_in_the_way(s, candidate) or s.moved(event, **onward(s))

    return on_candidate(s, "promote", act)


def skip_step(s: Situation) -> Situation | None:
    """End the present step: neither its time nor its metrics are awaited."""

    def act(s: Situation, candidate: CandidateStatus) -> Situation | Refusal:
        if not s.stepping:
            return NO_STEP_LEFT
        event = Event(reasons.STEP_SKIPPED, f"{candidate.version} leaves out the rest of step {s.status.step + 1}")
        return _standing_in_the_way(s, candidate) or s.moved(event, **onward(s))

    return on_candidate(s, "skip-step", act)


def promote_full(s: Situation) -> Situation | None:
    """Leave out all steps that are left: everything as soon as the pods are ready. The bake still follows."""

    def act(s: Situation, candidate: CandidateStatus) -> Situation | Refusal:
        if not s.stepping:
            return NO_STEP_LEFT
        words = f"annotation {COMMAND_PREFIX}promote-full left out the steps from {s.status.step + 1}"
        return _standing_in_the_way(s, candidate, paused=False) or s.moved(
            Event(reasons.PROMOTED_IN_FULL, f"{candidate.version}: {words}"),
            step=len(s.steps),
            paused=None,
            analysis=evidence.cancelled(s.status.analysis, words),
        )

    return on_candidate(s, "promote-full", act)


def _standing_in_the_way(s: Situation, candidate: CandidateStatus, *, paused: bool = True) -> Refusal | None:
    """Return why a candidate may not go on by command: a command never overrules a verdict."""
    if not s.wants_this(candidate):
        return Refusal(f"the spec names {s.spec.version.name}")
    if paused and s.status.paused is not None:
        return Refusal("it is paused: resume it first")
    failing = failing_now(s)
    if failing is not None:
        return Refusal(f"{failing.metric} fails, and a command overrules no verdict: {failing.message}")
    return None


def on_candidate(s: Situation, name: CommandName, act: Act) -> Situation | None:
    """Carry out command `name` if it is new and means the version on its way."""
    written = unhandled(s, name)
    if written is None:
        return None
    candidate, version = s.status.candidate, written.partition("@")[0]
    if candidate is None or candidate.version != version:
        found = f"{candidate.version} is" if candidate is not None else "no version is"
        return refused(s, name, written, Refusal(f"{found} on its way", "Stale"))
    if s.status.stable is None:
        return refused(s, name, written, Refusal("it is the first version: there is nothing to return to"))
    after = act(s, candidate)
    if isinstance(after, Refusal):
        return refused(s, name, written, after)
    return handled(after, name, written, "Done", after.events[-1].message)


def unhandled(s: Situation, name: CommandName) -> str | None:
    """Return the value of command `name` where it was not handled before."""
    written = s.rollout.annotations.get(COMMAND_PREFIX + name, "")[:LONGEST]
    return written if written and written != spent(s, name) else None


def spent(s: Situation, name: CommandName) -> str:
    """Return the value of command `name` that was handled last."""
    return next((command.value for command in s.status.commands if command.name == name), "")


def refused(s: Situation, name: CommandName, written: str, refusal: Refusal) -> Situation:
    """Return the situation after a command that did nothing."""
    stale = refusal.outcome == "Stale"
    version = written.partition("@")[0]
    event = Event(
        reasons.COMMAND_STALE if stale else reasons.COMMAND_REFUSED,
        f"{COMMAND_PREFIX}{name} for {version} did nothing: {refusal.why}",
        "Warning",
    )
    return handled(s.moved(event), name, written, refusal.outcome, refusal.why)


def handled(
    s: Situation, name: CommandName, written: str, outcome: Literal["Done", "Refused", "Stale"], words: str
) -> Situation:
    """Return the situation in which the command is remembered."""
    entry = Command(name=name, value=written, at=timestamp(s.now), outcome=outcome, message=words[:2048])
    others = [command for command in s.status.commands if command.name != name]
    return s.moved(commands=sorted([*others, entry], key=lambda command: command.name))


def spend_all(s: Situation, why: str) -> Situation:
    """Return the situation in which every command that is written counts as handled."""
    for name in get_args(CommandName):
        written = unhandled(s, name)
        if written is not None:
            s = handled(s, name, written, "Stale", why)
    return s


def command_line(s: Situation, name: CommandName, version: str) -> str:
    """Return the shell command that does `name` to `version`; a spent value would change nothing."""
    value, last = version, spent(s, name)
    if last.partition("@")[0] == version:
        at = next(command.at for command in s.status.commands if command.name == name)
        value = f"{version}@{at}" if last != f"{version}@{at}" else f"{version}@{at}-2"
    root = s.rollout.root
    return f"kubectl -n {root.namespace} annotate rollout {root.name} --overwrite {COMMAND_PREFIX}{name}={value}"
