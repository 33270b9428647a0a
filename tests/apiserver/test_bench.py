"""Do a hundred Rollouts that turn bad at once all lose their traffic? Driven as the benches drive the operator."""

from __future__ import annotations

from bench.ground import control_plane
from bench.sides import name_of
from bench.slipway_side import Slipway
from bench.staging import fallen, rested, risen, staged

FLEET = range(100)


async def test_a_hundred_rollouts_that_fail_at_once_all_go_back() -> None:
    with control_plane() as ground:
        async with staged(ground, Slipway(), len(FLEET), 2) as (stage, users):
            assert users is None
            await risen(stage, FLEET, 2)
            await fallen(stage, FLEET)
            await rested(stage, FLEET)
            for name in map(name_of, FLEET):
                assert stage.measured.first_bad[name] < stage.seen.zero_at[name]
                assert name in stage.seen.verdict_at, "the route bears the verdict"
                assert stage.seen.shares[name] == 0
                assert stage.seen.roots[name]["status"]["lastRollback"]["reason"] == "MetricFailed"
