"""Do the benches of the rollout engine print their figures under the keys that others read them by?"""

from __future__ import annotations

from math import inf

from bench.figures import Bucket
from bench.rollback import Result, ranges, rows
from bench.scale import Figures


def test_rollbacks_are_told_by_percentile_and_count() -> None:
    measured = [1.0, 2.0, 9.0]
    found = Result(measured, measured, measured, measured, fleets={20: [131.0, 129.04, 98.5], 100: [1020.0]}).json()
    for key in ("first_bad_to_route_ms", "first_bad_to_last_bad_request_ms", "verdict_to_route_ms"):
        assert found[key] == {"p50": 2.0, "p99": 9.0, "n": 3}, key
    assert (found["fleet_20_last_route_ms"], found["fleet_100_last_route_ms"]) == (129.0, 1020.0)
    assert (found["fleet_20_runs_ms"], found["fleet_100_runs_ms"]) == ([131.0, 129.0, 98.5], [1020.0])


def test_every_run_of_a_fleet_counts_for_the_range_and_the_one_in_the_middle_for_the_table() -> None:
    ours, peer = Result(fleets={20: [140.0, 160.4, 151.0], 100: [819.2, 1010.0, 875.0]}), Result()
    peer.fleets[20] = [552.0]
    assert ranges(["Slipway", "peer"], [ours, peer]).endswith(
        "Slipway, 20 at once: 140 to 160, 100 at once: 819 to 1010; peer, 20 at once: 552 to 552."
    )
    lines = {row.what: (row.ours, *row.theirs) for row in rows(ours, [peer])}
    assert lines["100 at once: first bad answer → last weight 0, ms"] == (875.0, None)


def test_sizes_are_told_with_what_was_not_measured_as_null() -> None:
    keys = {"converge_s", "cold_start_s", "takeover_s", "rss_mib", "cpu_s", "idle_writes", "idle_cpu_s_per_min"}
    found = Figures(
        converge_s=22.4, queue_p99=Bucket(10.0, inf), first_bad_to_route=[10.0], first_bad_to_route_busy=[70.0]
    ).json()
    assert keys <= found.keys()
    assert (found["converge_s"], found["cold_start_s"]) == (22.4, None)
    assert found["queue_p99_s"] is None, "beyond the largest bucket: JSON knows no infinity"
    assert found["queue_p99_above_s"] == 10.0
    assert (found["first_bad_to_route_ms"]["p99"], found["first_bad_to_route_busy_ms"]["p99"]) == (10.0, 70.0)


def test_where_nothing_was_queued_both_bounds_are_null() -> None:
    found = Figures().json()
    assert (found["queue_p99_s"], found["queue_p99_above_s"]) == (None, None)
