"""The shell completes what the parser takes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

import pytest

from slipway.kubectl import arguments, completion
from slipway.kubectl.cluster import Cluster
from slipway.kubectl.completion import candidates
from slipway.kubectl.failures import Refused

ASKED: list[dict[str, str]] = []


def names(flags: dict[str, str]) -> Iterable[str]:
    ASKED.append(flags)
    return ["assistant", "artist", "battle"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([""], ["rollout"]),
        (["rollout", "pro"], ["promote", "promote-full"]),
        (["-n", "games", "rollout", "w"], ["why"]),
        (["rollout", "get", "a"], ["assistant", "artist"]),
        (["rollout", "abort", "--wait", "b"], ["battle"]),
        (["rollout", "get", "-o", "js"], ["json"]),
        (["rollout", "get", "-n", ""], []),
        (["rollout", "list", ""], []),
        (["rollout", "get", "assistant", ""], []),
    ],
)
def test_the_last_word_is_completed(words: list[str], found: list[str]) -> None:
    assert candidates(words, names) == found


@pytest.mark.parametrize("words", [["rollout", "-n", "games", "get", ""], ["rollout", "get", "--namespace=games", ""]])
def test_names_are_those_of_the_namespace_given(words: list[str]) -> None:
    ASKED.clear()
    candidates(words, names)
    assert ASKED == [{"namespace": "games"}]


def test_every_verb_of_the_parser_is_offered() -> None:
    top = arguments.parser()
    rollout = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction)).choices["rollout"]
    verbs = next(a for a in rollout._actions if isinstance(a, argparse._SubParsersAction)).choices
    assert set(arguments.VERBS) == set(verbs)


def test_a_cluster_that_does_not_answer_offers_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise Refused("down")

    monkeypatch.setattr(Cluster, "connect", refuse)
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-slipway", "rollout", "get", ""])
    assert completion.main() == 0
    assert capsys.readouterr().out == ":4\n"
