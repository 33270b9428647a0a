"""How does one scenario act on its Rollout, and wait for what it does?"""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence

from e2e.cluster.base import Cluster
from e2e.demo import facts
from e2e.demo.pace import Pace
from e2e.demo.prompts import Conversation
from e2e.demo.tape import Mark, Request, Sighting, Tape
from e2e.demo.traffic import PATH, REVISION_HEADER, TIMEOUT_SECONDS, Traffic
from e2e.scenarios.facts import Absence, failed, requests_to, shares, strays, walk
from e2e.scenarios.manifests import MODEL, NAMESPACE, Release, host, rollout
from slipway.api.conditions import READY, is_true
from slipway.api.rollout import RolloutStatus
from slipway.names import REVISION_LABEL, ROLLOUT_LABEL

SECONDS_BETWEEN_REQUESTS = 0.25
GATEWAY_SECONDS = 30.0
ANSWER_TOKENS = 3
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 150.0
"""Pods of several scenarios start at the same time, on as little as two cores."""

SHORT: Sequence[Conversation] = ([{"role": "user", "content": "Name a colour."}],)
LONG: Sequence[Conversation] = (
    [{"role": "user", "content": "Repeat the last of these words: " + "gateway rollout canary stable weight " * 36}],
)
"""Some 300 tokens: more than the smallest context holds, which a version with a larger one reads once."""

Holds = Callable[[RolloutStatus], bool]
Turn = Callable[[float], contextlib.AbstractContextManager[None]]


class Missed(AssertionError):
    """Something did not happen, or happened though it must not. The message says what, and where the Rollout stands."""


class Play:
    """One Rollout with its users: what a scenario does to it, and what came of it."""

    def __init__(self, cluster: Cluster, tape: Tape, name: str) -> None:
        self.cluster, self.tape, self.name = cluster, tape, name
        self.excused: set[str] = set()
        """Revisions that are bad on purpose: what they answer badly is theirs."""
        self.absences: list[Absence] = []
        self.turn: Turn = lambda seconds: contextlib.nullcontext()
        """A block that changes who serves, and takes `seconds` at least: in these something may befall the play."""
        self.grace = 0.0
        """Seconds for which everything may be late, where somebody has to take over first."""
        self.traffic: list[Traffic] = []
        self.met: list[tuple[int, Mapping[str, str]]] = []
        """Share by share, the revision that answered each kind of client."""
        self._generation = 0
        self._read = 0

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the scenarios' namespace."""
        return self.cluster.kubectl("-n", NAMESPACE, *arguments, stdin=stdin)

    def apply(self, release: Release) -> None:
        """Write the spec that `release` wants; what is waited for from now on is what follows from it."""
        self.mark(f"apply {release.version}, {release.context_tokens} context tokens")
        manifest = json.dumps(rollout(self.name, release))
        self._generation = int(
            self.kubectl("apply", "-f", "-", "-o", "jsonpath={.metadata.generation}", stdin=manifest)
        )

    def command(self, name: str) -> None:
        """Write the annotation that commands `name` to the version on its way, and wait until it is done."""
        candidate = self.status.candidate
        if candidate is None:
            raise Missed(self._says(f"no version is on its way that could be told to {name}"))
        self.mark(name)
        value = f"{candidate.version}@{time.time_ns()}"
        self.kubectl("annotate", "rollout", self.name, "--overwrite", f"slipway.dev/{name}={value}")
        handled = self.until(name, lambda s: any(c.value == value for c in s.commands), 30)
        found = next(c for c in handled.commands if c.value == value)
        if found.outcome != "Done":
            raise Missed(self._says(f"{name} was {found.outcome}: {found.message}"))

    def serve(self, release: Release, prompts: Sequence[Conversation] = SHORT) -> None:
        """Bring the first version up and let the users in."""
        self.apply(release)
        self.until("the first version serves", healthy)
        self.open(prompts)

    def open(self, prompts: Sequence[Conversation] = SHORT, where: str = "") -> None:
        """Let users ask, steadily, until `close`; at the Rollout's host name if no other is given.

        A gateway may accept a new host name a moment before it knows it; users come once it does.
        """
        url, asked = self.cluster.gateway_url, where or host(self.name)
        self._await_gateway(url, asked)
        pace = Pace(fastest=SECONDS_BETWEEN_REQUESTS)
        self.traffic.append(Traffic(url, prompts, self.tape, host=asked, pace=pace, answer_tokens=ANSWER_TOKENS))
        self.traffic[-1].start()

    def close(self) -> None:
        """Let nobody in any more, and wait for the answers that are due."""
        while self.traffic:
            self.traffic.pop().stop()

    def until(
        self,
        what: str,
        holds: Holds,
        seconds: float = PATIENCE_SECONDS,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> RolloutStatus:
        """Return the first status, from the one last returned on, that knows the spec and that `holds`.

        Until then `meanwhile` is called now and then.
        """
        deadline = time.monotonic() + seconds + self.grace
        while time.monotonic() < deadline:
            for status in self._unread():
                if status.observed_generation >= self._generation and holds(status):
                    return status
            meanwhile()
            time.sleep(POLL_SECONDS)
        raise Missed(self._says(f"not within {seconds:.0f} s: {what}"))

    def arrive(self, percent: int) -> None:
        """Wait until the candidate has its share, and until a user met it."""
        candidate = self.until(f"at {percent} %", at(percent)).candidate
        assert candidate is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(request.revision == candidate.revision for request in self.requests):
            if time.monotonic() > deadline:
                raise Missed(self._says(f"no user met {candidate.version} within {PATIENCE_SECONDS:.0f} s"))
            time.sleep(POLL_SECONDS)

    def ask(self, headers: Mapping[str, str]) -> str:
        """Ask once, as a client that sends `headers`; return the revision that answered."""
        body = {"model": MODEL, "messages": SHORT[0], "max_tokens": ANSWER_TOKENS, "temperature": 0}
        sent = {"Host": host(self.name), "Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.cluster.gateway_url + PATH, json.dumps(body).encode(), sent)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return str(response.headers[REVISION_HEADER])
        except OSError as error:
            raise Missed(self._says(f"a client with {dict(headers)} was answered {error}")) from error

    def stays(self, what: str, holds: Holds, seconds: float) -> None:
        """Look on for a time in which every status must hold."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for status in self._unread():
                if not holds(status):
                    raise Missed(self._says(f"did not stay so for {seconds:.0f} s: {what}"))
            time.sleep(POLL_SECONDS)

    @contextlib.contextmanager
    def absence(self) -> Iterator[None]:
        """Delete the Rollout, in whose place the block puts another one that is Healthy when it ends."""
        begin = time.time()
        self.mark("delete")
        self.kubectl("delete", "rollout", self.name, "--timeout=60s")
        yield
        self.absences.append(Absence(begin, time.time()))
        self.mark("serves again")

    def mark(self, text: str) -> None:
        """Put a turn of this scenario on the tape."""
        self.tape.add(Mark(time.time(), f"{self.name}: {text}"))

    @property
    def status(self) -> RolloutStatus:
        """What the Rollout said last, be it gone by now; empty where there never was one."""
        said = [sighting for sighting in self.tape.history("Rollout", self.name) if sighting.status]
        return facts.rollout_status(said[-1]) if said else RolloutStatus()

    @property
    def uid(self) -> str:
        """The Rollout's identity; a new one of the same name has another."""
        now = self.tape.now("Rollout", self.name)
        return now.uid if now is not None else ""

    @property
    def requests(self) -> Sequence[Request]:
        """What its users asked."""
        return requests_to(self.tape, self.name)

    @property
    def revisions(self) -> list[str]:
        """The revisions that the route ever named, in their order."""
        return list(dict.fromkeys(revision for entry in shares(self.tape, self.name) for revision in entry.percents))

    @property
    def percents(self) -> dict[str, int]:
        """The shares that the route gave last, by revision, those without a share left out."""
        found = shares(self.tape, self.name)
        return {revision: percent for revision, percent in found[-1].percents.items() if percent} if found else {}

    def walk(self, revision: str) -> list[int]:
        """Return the percents that a revision had one after the other."""
        return walk(self.tape, self.name, revision)

    def pods(self, revision: str) -> set[str]:
        """Return the uids of all pods of a revision of this Rollout that were ever ready.

        Where the Rollout is deleted at the end, a slow ReplicaSet controller may still make one that never will be.
        """
        seen = (s for s in self.tape.of_kind("Pod") if not s.gone and facts.is_ready(s))
        found = ((s.uid, s.body["metadata"]["labels"]) for s in seen)
        wanted = (self.name, revision)
        return {uid for uid, labels in found if (labels.get(ROLLOUT_LABEL), labels.get(REVISION_LABEL)) == wanted}

    def complaints(self) -> list[str]:
        """Return what users could complain about: failures of a good version, and answers from where none may come."""
        bad = [f"{r.status or r.error} from {r.revision or 'no revision'}" for r in self._failed()]
        lost = [f"{r.revision} answered without a share" for r in strays(self.tape, self.name)]
        return [*bad, *lost]

    def _await_gateway(self, url: str, asked: str) -> None:
        request = urllib.request.Request(f"{url}/v1/models", headers={"Host": asked})
        deadline = time.monotonic() + GATEWAY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):
                return
            time.sleep(POLL_SECONDS)
        raise Missed(self._says(f"the gateway does not know {asked} after {GATEWAY_SECONDS:.0f} s"))

    def _failed(self) -> list[Request]:
        return failed(self.tape, self.name, self.excused, self.absences)

    def _unread(self) -> Iterator[RolloutStatus]:
        """Yield what the Rollout said from the status last yielded on; a deleted one says nothing."""
        history: Sequence[Sighting] = self.tape.history("Rollout", self.name)
        for number in range(self._read, len(history)):
            self._read = number
            if history[number].status:
                yield facts.rollout_status(history[number])

    def _says(self, what: str) -> str:
        status = self.status
        return f"{self.name}: {what}. It is {status.state} at {status.percent} %: {status.message or 'no message'}"


def healthy(status: RolloutStatus) -> bool:
    """Whether the version that the spec names is stable, and nothing else is on its way."""
    return status.stable is not None and status.candidate is None and is_true(status.conditions, READY)


def at(percent: int) -> Holds:
    """Return whether the candidate's share is `percent` and the gateway confirmed it."""
    return lambda status: status.percent == percent and status.step_started_at is not None
