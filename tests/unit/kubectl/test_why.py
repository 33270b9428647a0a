"""`why` tells the evidence behind every state, and what to do."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any, get_args

import pytest

from slipway.api.rollout import RolloutState
from slipway.kubectl.advice import ADVICE, advice
from slipway.kubectl.commands import meant
from slipway.kubectl.release import read, story
from slipway.kubectl.text import Screen
from slipway.kubectl.why import why
from tests.unit.kubectl import manifests as m


def told(manifest: dict[str, Any]) -> str:
    return "\n".join(why(read(manifest), story(m.EVENTS), m.NOW, Screen(100))) + "\n"


def test_a_rollback_is_a_complete_story() -> None:
    patch = r"kubectl patch rollout\.slipway\.dev assistant -n games --type merge -p "
    body = r"""'{"spec":{"version":{"name":"(\w+)"}}}'"""
    assert re.sub(patch + body, r"PATCH \1", told(m.ROLLED_BACK)) == dedent("""\
        games/assistant is Degraded

        What holds
          Ready is False (RolledBack) since 2026-11-20 03:08:30 UTC, for 1 min 30 s.
          Degraded in one sentence.

        Evidence
          v2 was sent back at 2026-11-20 03:09:30 UTC (MetricFailed): at 10 %: errors failed: 12 of 100
          errors: Fail. candidate 12.00 %, stable 0.35 %, allowed ≤ 2.00 %, 100 requests, 2 failed
          measurements in a row; measured 4 s ago.
            errors in words

        What was done
          All traffic went back to v1. v2 with digest sha256:0123456789ab… is remembered: the same bytes,
          served the same way, are not tried again before a retry.
          1 min 29 s ago: CandidateStarted: v2 starts beside v1
          5 s ago: RolledBack: v2 rolled back [31m at 10 % (3 times)

        What to do
          Repair the model and release a new version, or go on with another one:
              PATCH VERSION
          To settle for v1:
              PATCH v1
          If v2 was not to blame, try it again:
              kubectl slipway rollout retry assistant -n games
        """)


def test_what_conditions_warn_of_is_told() -> None:
    assert "in one sentence.\n  SamplesUnreachable: too few, take 50 percent\n" in told(m.WARNED)


def test_a_canary_says_what_it_waits_for() -> None:
    text = told(m.STEPPING)
    assert "Place: step 1 of 3, at 10 %; 12 s of 30 s, 18 s left." in text
    assert "thumbs: not measured. no measurement yet." in text
    assert "Metric slow needs more requests" in text
    assert "kubectl slipway rollout abort assistant -n games" in text


def test_what_stable_keeps_is_told_as_it_is() -> None:
    assert "stable keeps all its replicas." in " ".join(told(m.STEPPING).split())
    strategy = {"canary": m.STEPPING["spec"]["strategy"]["canary"] | {"capacity": {"mode": "NoSurge"}}}
    tight = " ".join(told(m.STEPPING | {"spec": m.STEPPING["spec"] | {"strategy": strategy}}).split())
    assert "keeps all" not in tight
    assert "their pods together are no more than serving.replicas, 1 (capacity.mode: NoSurge)." in tight


def test_advice_is_there_for_every_state() -> None:
    assert set(ADVICE) == set(get_args(RolloutState)) == set(m.ALL)


@pytest.mark.parametrize("manifest", [*m.ALL.values(), m.HELD, m.GATEWAY], ids=[*m.ALL, "Held", "Gateway"])
def test_every_state_is_explained_with_something_to_do(manifest: dict[str, Any]) -> None:
    release = read(manifest)
    text = told(manifest)
    assert f"{release.status.state} in one sentence." in text or release.status.message in text
    assert any(item.command for item in advice(release))
    assert "What to do" in text


def test_an_old_rollback_is_not_the_reason_of_another_trouble() -> None:
    before = m.GATEWAY | {"status": m.GATEWAY["status"] | {"lastRollback": m.FAILED, "failed": [m.FAILED]}}
    assert "was sent back" not in told(before)
    assert "Mend what the message names" in told(before)


def test_what_the_operator_never_saw_is_explained_too() -> None:
    fresh = {key: value for key, value in m.HEALTHY.items() if key != "status"}
    assert "is it running?" in told(fresh)


def test_a_comparison_tells_how_far_its_evidence_is() -> None:
    evidence = {"rule": "r", "until": m.stamp(4), "percent": 10, "times": "3.25", "needed": "300"}
    found = m.measured("errors", "Pass", candidate="0.4", samples=500, stableSamples=4500, evidence=evidence)
    compared = m.STEPPING | {"status": m.STEPPING["status"] | {"analysis": [found]}}
    assert "500 requests beside 4500 of stable, evidence 3.25 (it fails at 300)" in " ".join(told(compared).split())


def test_the_goal_of_an_a_b_test_tells_who_is_ahead() -> None:
    sure = {"steady": "0", "sudden": "0", "needed": "20"}
    evidence = {
        "rule": "r",
        "until": m.stamp(4),
        "percent": 50,
        "times": "1",
        "needed": "22",
        "gain": sure | {"times": "6.3"},
    }
    lack = sure | {"times": "0.4", "smallestGain": "2"}
    found = m.measured("errors", "Pass", candidate="0.4", samples=500, evidence=evidence | {"lack": lack})
    text = " ".join(told(m.STEPPING | {"status": m.STEPPING["status"] | {"analysis": [found]}}).split())
    assert (
        "evidence 1 (it fails at 22), of a gain 6.3 (it wins at 20), of less than 2 points 0.4 (it ends at 20)" in text
    )


def test_a_dry_run_is_shown_and_hinders_nothing() -> None:
    metrics = [{"name": "errors", "dryRun": True, "errorRate": {"maxPercent": "2"}}]
    spec = m.AT_PAUSE["spec"] | {"analysis": {"metrics": metrics}}
    dry = m.AT_PAUSE | {"spec": spec, "status": m.AT_PAUSE["status"] | {"analysis": m.JUDGED}}
    assert "errors: Fail, dry run." in told(dry)
    assert meant("promote", read(dry)) == "v2"
