"""Can the benches drive the operator as it is today? A small fleet rises, turns bad and falls."""

from __future__ import annotations

from bench.ground import control_plane
from bench.slipway_side import Slipway
from bench.staging import fallen, rested, risen, staged


async def test_a_small_fleet_rises_turns_bad_and_falls() -> None:
    numbers = range(3)
    with control_plane() as ground:
        async with staged(ground, Slipway(), len(numbers), 2) as (stage, users):
            assert users is None
            await risen(stage, numbers, 2)
            await fallen(stage, numbers)
            await rested(stage, numbers)
            for name, moment in stage.seen.zero_at.items():
                assert 0 < moment - stage.measured.first_bad[name] < 30
                assert stage.seen.verdict_at[name] <= moment
