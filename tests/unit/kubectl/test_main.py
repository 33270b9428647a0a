"""What a person sees who types a command: output, errors in one line, exit codes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from slipway.kubectl import live, main
from slipway.kubectl.arguments import parser
from slipway.kubectl.cluster import Cluster, Expired
from slipway.kubectl.commands import COMMANDS, Order
from slipway.kubectl.failures import Forbidden, Refused, Request, Unreachable, refusal
from slipway.kubectl.following import follow
from slipway.kubectl.release import Sight, read, story
from slipway.kubectl.waiting import await_answer
from tests.unit.kubectl import manifests as m

ROLLOUT = ["rollout", "-n", "games"]


@dataclass
class FakeCluster:
    """A cluster with one Rollout. `turns` are what each watch yields, exceptions included; after them it is quiet."""

    found: dict[str, Any] = field(default_factory=lambda: deepcopy(m.STEPPING))
    turns: list[list[Any]] = field(default_factory=list)
    written: list[tuple[str, str]] = field(default_factory=list)
    events_refused: Refused | None = None
    namespace: str = "default"

    def rollouts(self, namespace: str) -> list[dict[str, Any]]:
        return [self.found] if namespace in ("games", "") else []

    def rollout(self, namespace: str, name: str) -> dict[str, Any]:
        if (namespace, name) != ("games", "assistant"):
            request = Request("get", "rollouts.slipway.dev", namespace, name)
            raise refusal(request, 404, {"details": {"name": name}})
        return self.found

    def annotate(self, rollout: Mapping[str, Any], key: str, value: str) -> dict[str, Any]:
        self.written.append((key, value))
        self.found["metadata"].setdefault("annotations", {})[key] = value
        return self.found

    def events(self, namespace: str, uid: str) -> list[dict[str, Any]]:
        if self.events_refused is not None:
            raise self.events_refused
        return m.EVENTS

    def watch_rollout(self, namespace: str, name: str, seconds: float = 1) -> Iterator[dict[str, Any] | None]:
        for turn in self.turns.pop(0) if self.turns else [None]:
            if isinstance(turn, Exception):
                raise turn
            yield turn

    def watch_events(self, namespace: str, uid: str, seconds: float = 1) -> Iterator[dict[str, Any] | None]:
        if self.events_refused is not None:
            raise self.events_refused
        yield from m.EVENTS


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster()
    monkeypatch.setattr(Cluster, "connect", lambda *_: made)
    monkeypatch.setattr(main, "_now", lambda: m.NOW)
    return made


def test_list_get_and_why_write_text(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*ROLLOUT, "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("assistant  Progressing  v1")
    assert main.main([*ROLLOUT, "get", "assistant"]) == 0
    assert "Step 1 of 3" in capsys.readouterr().out
    assert main.main([*ROLLOUT, "why", "assistant"]) == 0
    assert "What to do" in capsys.readouterr().out


def test_programs_get_json_yaml_and_names(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    main.main([*ROLLOUT, "get", "assistant", "-o", "json"])
    assert json.loads(capsys.readouterr().out) == cluster.found
    main.main(["rollout", "list", "-A", "-o", "yaml"])
    assert yaml.safe_load(capsys.readouterr().out)["items"] == [cluster.found]
    main.main([*ROLLOUT, "list", "-o", "name"])
    assert capsys.readouterr().out == "rollout.slipway.dev/assistant\n"


def test_history_is_text_or_json(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.found["status"] |= {"history": m.HISTORY, "failed": [m.FAILED]}
    assert main.main([*ROLLOUT, "history", "assistant"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main.main([*ROLLOUT, "history", "assistant", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"history": m.HISTORY, "failed": [m.FAILED]}


def test_an_empty_namespace_is_no_failure(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["rollout", "list"]) == 0
    assert capsys.readouterr().err == "No Rollouts found in namespace default.\n"


def test_a_missing_rollout_is_one_line_and_exit_code_1(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*ROLLOUT, "why", "other"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: there is no Rollout other in namespace games: ")
    assert said.count("\n") == 1


def test_who_may_not_read_events_sees_the_rest(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.events_refused = Forbidden("you may not list events in namespace games")
    assert main.main([*ROLLOUT, "get", "assistant"]) == 0
    told = capsys.readouterr()
    assert "METRIC" in told.out
    assert told.err == "without events: you may not list events in namespace games\n"


@pytest.mark.parametrize(
    "argv", [[], ["rollout"], ["rollout", "fly"], [*ROLLOUT, "get"], [*ROLLOUT, "list", "-o", "x"]]
)
def test_wrong_usage_is_exit_code_2(argv: list[str], cluster: FakeCluster) -> None:
    with pytest.raises(SystemExit) as left:
        main.main(argv)
    assert left.value.code == 2


def test_watching_for_programs_is_sent_to_kubectl(cluster: FakeCluster) -> None:
    assert main.main([*ROLLOUT, "get", "assistant", "-w", "-o", "json"]) == 2


@pytest.mark.parametrize(
    "argv", [["-n", "x", "rollout", "list"], ["rollout", "-n", "x", "list"], ["rollout", "list", "-n", "x"]]
)
def test_flags_stand_anywhere_and_the_last_one_counts(argv: list[str]) -> None:
    assert parser().parse_args(argv).namespace == "x"
    assert parser().parse_args(["-n", "first", *argv]).namespace == "x"


def test_a_command_writes_the_annotation_and_says_so(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*ROLLOUT, "abort", "assistant"]) == 0
    value = "v2@2026-11-20T03:10:00.000000Z"
    assert cluster.written == [("slipway.dev/abort", value)]
    assert capsys.readouterr().out == f"rollout.slipway.dev/assistant annotated: slipway.dev/abort={value}\n"


def test_a_command_without_an_aim_writes_nothing(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*ROLLOUT, "resume", "assistant"]) == 1
    assert cluster.written == []
    assert "v2 is not paused" in capsys.readouterr().err


def test_insisting_needs_no_understanding_of_the_rollout(cluster: FakeCluster) -> None:
    cluster.found["status"]["state"] = "FromTheFuture"
    assert main.main([*ROLLOUT, "abort", "assistant"]) == 1
    assert main.main([*ROLLOUT, "abort", "assistant", "--version", "v7"]) == 0
    assert cluster.written[0][1].startswith("v7@")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["rollout", command, "--help"])
    assert "--wait" in capsys.readouterr().out


ORDER = Order("pause", "v2", m.NOW)


def carrying(order: Order, *commands: dict[str, str]) -> dict[str, Any]:
    made = deepcopy(m.STEPPING)
    made["metadata"]["annotations"] = {order.key: order.value}
    made["status"]["commands"] = list(commands)
    return made


def handled(outcome: str, value: str = ORDER.value) -> dict[str, str]:
    return {"name": "pause", "value": value, "at": m.stamp(0), "outcome": outcome, "message": "v2 stays at 10 %"}


@pytest.mark.parametrize(("outcome", "code"), [("Done", 0), ("Refused", 1), ("Stale", 1)])
def test_waiting_ends_with_the_outcome(
    outcome: str, code: int, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.turns = [[carrying(ORDER, handled("Done", "v1@before")), carrying(ORDER, handled(outcome))]]
    assert main.main([*ROLLOUT, "pause", "assistant", "--wait"]) == code
    assert capsys.readouterr().out.splitlines()[1] == f"{outcome}: v2 stays at 10 %"


class Time:
    """A clock that moves a second with every look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waited(*turns: list[Any], seconds: float = 10) -> str:
    cluster: Any = FakeCluster(turns=list(turns))
    time = Time()
    return await_answer(cluster, m.STEPPING, ORDER, seconds, time.monotonic, time.sleep).outcome


def test_waiting_outlives_a_restart_of_the_api_server() -> None:
    assert waited([Unreachable("down")], [Expired()], [carrying(ORDER)], [carrying(ORDER, handled("Done"))]) == "Done"


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([[carrying(ORDER)]] * 20, "the operator has not handled pause in 10 s; it will once it runs"),
        ([[Unreachable("no route")]] * 20, "(no route)"),
        ([[None]], "the Rollout was deleted before pause was handled"),
        ([[carrying(Order("pause", "v3", m.NOW))]], "slipway.dev/pause was written anew"),
        ([[{**m.STEPPING, "metadata": m.STEPPING["metadata"] | {"uid": "uid-2"}}]], "was deleted"),
    ],
)
def test_waiting_that_cannot_succeed_ends(turns: list[list[Any]], words: str) -> None:
    with pytest.raises(Refused) as refused:
        waited(*turns)
    assert words in str(refused.value)


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def sights() -> list[Sight]:
    events = tuple(story(m.EVENTS))
    return [
        Sight(read(m.STEPPING)),
        Sight(read(m.STEPPING), events[:1]),
        Sight(read(m.STEPPING), events[:1], "cannot reach the cluster"),
        Sight(read(m.RETURNING), events),
        Sight(None, events),
    ]


def test_a_watch_in_a_pipe_writes_a_line_for_each_change() -> None:
    out = io.StringIO()
    with pytest.raises(Refused, match="deleted"):
        live.show(sights(), out, lambda: m.NOW)
    assert [line.partition("  ")[2] for line in out.getvalue().splitlines()] == [
        "Progressing  v2 10 %  step 1 of 3  errors=Pass slow=TooFewSamples thumbs=not-measured  "
        "Progressing in one sentence.",
        "Normal CandidateStarted: v2 starts beside v1",
        "cannot reach the cluster",
        "Warning RolledBack: v2 rolled back [31m at 10 % (3 times)",
        "RollingBack  RollingBack in one sentence.",
    ]


def test_a_watch_on_a_terminal_draws_in_place_and_leaves_the_last_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    with pytest.raises(Refused, match="deleted"):
        live.show(sights(), out, lambda: m.NOW)
    opened, *frames = out.getvalue().split(live.HOME)
    assert opened == live.OPEN
    assert len(frames) == 4
    assert all(frame.count("\n") < 12 for frame in frames[:-1]), "what scrolls cannot be drawn over"
    assert frames[2].startswith("cannot reach the cluster; trying again")
    last, _, rest = frames[-1].partition(live.CLOSE)
    assert "RollingBack" in last
    assert rest.startswith("games/assistant  RollingBack")


def test_following_puts_both_watches_together() -> None:
    cluster: Any = FakeCluster(turns=[[m.STEPPING, m.RETURNING, None]])
    seen = []
    for sight in follow(cluster, m.STEPPING, 5.0):
        seen.append(sight)
        if sight.release is None and len(sight.events) == len(m.EVENTS):
            break
    assert "RollingBack" in [sight.release.status.state for sight in seen if sight.release is not None]
    assert [event.reason for event in seen[-1].events] == ["CandidateStarted", "RolledBack"]


def test_following_ends_when_the_rollout_may_not_be_watched() -> None:
    cluster: Any = FakeCluster(turns=[[Forbidden("you may not watch rollouts")]], events_refused=Forbidden("events"))
    with pytest.raises(Forbidden, match="rollouts"):
        list(follow(cluster, m.STEPPING, 5.0))
