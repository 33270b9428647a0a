"""What `get` and `list` show, to the letter: a change of a picture is a change that somebody looked at."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import pytest

from slipway.kubectl.picture import picture
from slipway.kubectl.release import read, story
from slipway.kubectl.tables import history, listing
from slipway.kubectl.text import Screen
from tests.unit.kubectl import manifests as m


def drawn(manifest: dict[str, Any], events: list[dict[str, Any]] | None = None, screen: Screen | None = None) -> str:
    return "\n".join(picture(read(manifest), story(events or []), m.NOW, screen or Screen())) + "\n"


def test_a_canary_with_shares_step_metrics_and_events() -> None:
    assert drawn(m.STEPPING, m.EVENTS) == dedent("""\
        games/assistant  Progressing, not ready for 1 min 30 s
        Progressing in one sentence.

                   VERSION  REVISION  SHARE
        stable     v1       v1-rev     90 %  ██████████████████████░░
        candidate  v2       v2-rev     10 %  ██░░░░░░░░░░░░░░░░░░░░░░

        Step 1 of 3  ██████████░░░░░░░░░░░░░░  12 s of 30 s, 18 s left
        ▶ 10 %  · pause  · 50 %  · 100 %  · bake 10 min

        METRIC  OUTCOME        CANDIDATE     BOUND  STABLE  REQUESTS  MEASURED
        errors  Pass              0.40 %  ≤ 2.00 %  0.35 %       500  4 s ago
        slow    TooFewSamples     812 ms  ≤ 800 ms       -        20  4 s ago
          slow in words
        thumbs  not measured           -         -       -         -  -

        EVENTS
        1 min 29 s ago  CandidateStarted  v2 starts beside v1
        5 s ago         RolledBack        v2 rolled back [31m at 10 % (3 times)
        """)


def test_what_conditions_warn_of_stands_below_the_message() -> None:
    assert drawn(m.WARNED).splitlines()[:4] == [
        "games/assistant  Progressing, not ready for 1 min 30 s",
        "Progressing in one sentence.",
        "SamplesUnreachable: too few, take 50 percent",
        "ChildForbidden: Deployment a is not allowed",
    ]


def test_a_pause_names_the_command_that_ends_it() -> None:
    assert "\n".join(drawn(m.AT_PAUSE).splitlines()[7:10]) == dedent("""\
        Step 2 of 3, pause
        Paused; it goes on with: kubectl slipway rollout promote assistant -n games
        ✓ 10 %  ▶ pause  · 50 %  · 100 %  · bake 10 min""")
    assert "goes on with: kubectl slipway rollout resume" in drawn(m.HELD)


def test_blue_green_shows_its_preview_and_what_stays_warm() -> None:
    lines = drawn(m.PREVIEW).splitlines()
    assert lines[4:6] == [
        "stable     v1       v1-rev    100 %  ████████████████████████",
        "candidate  v2       v2-rev      0 %  ░░░░░░░░░░░░░░░░░░░░░░░░",
    ]
    assert lines[7:10] == [
        "Step 2 of 2, pause",
        "Paused; it goes on with: kubectl slipway rollout promote assistant -n games",
        "✓ preview  ▶ pause  · 100 %  · bake 10 min",
    ]
    assert "slow    not measured, not in force" in drawn(m.PREVIEW)
    before = m.PREVIEW | {"status": m.PREVIEW["status"] | {"step": 0}}
    assert "Step 1 of 2, preview  ████" in drawn(before)
    assert "warm    v1       v1-rev      0 %" in drawn(m.WARM)


def test_a_bake_shows_its_time() -> None:
    assert "\n".join(drawn(m.BAKING).splitlines()[3:9]) == dedent("""\
                   VERSION  REVISION  SHARE
        stable     v1       v1-rev      0 %  ░░░░░░░░░░░░░░░░░░░░░░░░
        candidate  v2       v2-rev    100 %  ████████████████████████

        Bake  ██░░░░░░░░░░░░░░░░░░░░░░  1 min of 10 min, 9 min left
        ✓ 10 %  ✓ pause  ✓ 50 %  ✓ 100 %  ▶ bake 10 min""")


def test_after_a_rollback_only_what_was_measured_is_shown() -> None:
    assert drawn(m.ROLLED_BACK) == dedent("""\
        games/assistant  Degraded (RolledBack), not ready for 1 min 30 s
        Degraded in one sentence.

                VERSION  REVISION  SHARE
        stable  v1       v1-rev    100 %  ████████████████████████

        METRIC  OUTCOME  CANDIDATE     BOUND  STABLE  REQUESTS  MEASURED
        errors  Fail       12.00 %  ≤ 2.00 %  0.35 %       100  4 s ago
          errors in words
        """)


def test_a_first_version_is_not_judged() -> None:
    assert drawn(m.FIRST) == dedent("""\
        games/assistant  Initializing, not ready for 1 min 30 s
        Initializing in one sentence.

                   VERSION  REVISION  SHARE
        candidate  v2       v2-rev      0 %  ░░░░░░░░░░░░░░░░░░░░░░░░
        """)


def test_a_hold_that_is_over_says_what_is_waited_for() -> None:
    late = m.STEPPING | {"status": m.STEPPING["status"] | {"stepStartedAt": m.stamp(45)}}
    assert "████████  30 s are over: goes on when every metric passes" in drawn(late)


def test_a_share_that_the_gateway_has_not_confirmed_has_no_time_yet() -> None:
    early = m.STEPPING | {"status": m.STEPPING["status"] | {"stepStartedAt": None}}
    assert "░░░░  30 s from when the share has taken effect" in drawn(early)


def test_a_clock_that_is_behind_shows_no_negative_time() -> None:
    ahead = m.STEPPING | {"status": m.STEPPING["status"] | {"stepStartedAt": m.stamp(-20)}}
    assert "0 s of 30 s, 30 s left" in drawn(ahead)


def test_a_metric_that_the_step_does_not_ask_for_says_so() -> None:
    steps = [{"percent": 10, "metrics": ["slow"]}, {"pause": {}}, {"percent": 50}]
    narrow = m.STEPPING | {"spec": m.STEPPING["spec"] | {"strategy": {"canary": {"steps": steps}}}}
    assert re.search(r"errors +Pass, not in force", drawn(narrow))
    at_pause = narrow | {"status": narrow["status"] | {"step": 1}}
    assert re.search(r"errors +Pass, not in force", drawn(at_pause)), "a pause keeps the metrics of its step"
    later = narrow | {"status": narrow["status"] | {"step": 2}}
    assert "not in force" not in drawn(later)


def test_a_spec_that_the_operator_has_not_seen_is_told() -> None:
    edited = m.STEPPING | {"metadata": m.STEPPING["metadata"] | {"generation": 4}}
    assert "has not acted upon the newest spec" in drawn(edited)


def test_a_rollout_without_status_can_be_shown() -> None:
    assert drawn({key: value for key, value in m.HEALTHY.items() if key != "status"}).startswith(
        "games/assistant  Pend"
    )


@pytest.mark.parametrize("manifest", m.ALL.values(), ids=m.ALL)
def test_colours_add_nothing_but_escape_codes(manifest: dict[str, Any]) -> None:
    colored = drawn(manifest, m.EVENTS, Screen(color=True))
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == drawn(manifest, m.EVENTS)


@pytest.mark.parametrize("width", [20, 60, 200])
@pytest.mark.parametrize("manifest", m.ALL.values(), ids=m.ALL)
def test_a_picture_that_is_fitted_never_wraps_or_scrolls(manifest: dict[str, Any], width: int) -> None:
    screen = Screen(width, 8, color=True)
    lines = screen.fit(picture(read(manifest), story(m.EVENTS), m.NOW, screen))
    assert len(lines) <= 8
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= width for line in lines)


def test_a_list_has_a_line_for_each() -> None:
    releases = [read(m.HEALTHY), read(m.STEPPING)]
    assert [line.rsplit("  ", 1)[0] for line in listing(releases, m.NOW, Screen(), namespaces=False)] == [
        "NAME       STATE        STABLE  CANDIDATE  SHARE  PLACE        READY  SINCE     ",
        "assistant  Healthy      v1      -              -  -                2  1 min 30 s",
        "assistant  Progressing  v1      v2          10 %  step 1 of 3      0  1 min 30 s",
    ]
    assert len(listing(releases * 20, m.NOW, Screen(80, 10), namespaces=False)) == 41, "a list may scroll"
    everywhere = listing(releases, m.NOW, Screen(), namespaces=True)
    assert everywhere[1].startswith("games      assistant  Healthy")
    assert everywhere[1].endswith("Healthy in one sentence.")


def test_a_history_tells_what_served_and_why_others_did_not() -> None:
    past = m.ROLLED_BACK | {"status": m.ROLLED_BACK["status"] | {"history": m.HISTORY}}
    assert history(read(past), Screen(106)) == [
        "VERSION  REVISION  DIGEST        STABLE SINCE             ENDED                    OUTCOME     WHY",
        "v2       v2-rev    0123456789ab  -                        2026-11-20 03:09:30 UTC  RolledBack  MetricFail…",
        "v1       v1-rev    0123456789ab  2026-11-20 01:10:00 UTC  -                        Stable",
        "v0       v0-rev    0123456789ab  2026-11-19 02:10:00 UTC  2026-11-20 01:10:00 UTC  Replaced",
    ]
    assert history(read(m.FIRST), Screen()) == ["Nothing has served yet."]
