"""What is the next move, and which comes first?

The order of RULES is the order of safety: whatever takes traffic away from a candidate stands before whatever gives it
some, and nothing that takes it away waits for anything. Each rule looks at the whole situation and moves it, or passes.

Strategies differ in their steps (slipway.rollout.steps) and share these rules; a rule that serves one strategy alone
passes where another is chosen.
"""

from __future__ import annotations

from collections.abc import Callable

from slipway.rollout.rules import ab, away, commands, memory, mirror, people, preview, towards, warm
from slipway.rollout.salt import salt_drawn
from slipway.rollout.situation import Situation

Rule = Callable[[Situation], Situation | None]

PEOPLE: tuple[Rule, ...] = (
    memory.first_version_on_route,
    memory.stable_forgotten,
    memory.verdict_on_route,
    commands.retry,
    commands.abort,
    people.status_edited,
    people.window_closed,
    people.steps_edited,
)
TRAFFIC_AWAY: tuple[Rule, ...] = (
    # For good
    away.verdict_failed,
    away.query_mended,
    away.silent_too_long,
    away.pods_gave_up,
    away.no_longer_wanted,
    preview.preview_closes,
    mirror.mirror_stops,
    # Until it is ready again
    away.endpoints_lost,
    away.readiness_awaited,
)
PODS_AWAY: tuple[Rule, ...] = (
    warm.warm_returns,
    warm.warm_ends,
    away.stray_drains,
    away.weight_returned,
    away.weight_gone,
    away.drained,
)
STARTS: tuple[Rule, ...] = (towards.candidate_starts, salt_drawn, towards.first_version_serves)
COMMANDS: tuple[Rule, ...] = (
    # After whatever takes traffic away: no command overrules a verdict
    commands.pause,
    commands.resume,
    commands.promote,
    commands.skip_step,
    commands.promote_full,
)
TRAFFIC_TOWARDS: tuple[Rule, ...] = (
    preview.preview_opens,
    mirror.mirror_follows,
    towards.share_changes,
    towards.share_took_effect,
    ab.time_begins,
    ab.candidate_wins,
    ab.nobody_wins,
    towards.step_passed,
    towards.bake_begins,
    towards.baked,
    towards.returned,
)
RULES: tuple[Rule, ...] = (*PEOPLE, *TRAFFIC_AWAY, *PODS_AWAY, *STARTS, *COMMANDS, *TRAFFIC_TOWARDS)
