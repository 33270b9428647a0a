"""Do the benches of the rollout engine print their figures under the keys that others read them by?"""

from __future__ import annotations

from math import inf

from bench.rollback import Result
from bench.scale import Figures


def test_rollbacks_are_told_by_percentile_and_count() -> None:
    measured = [1.0, 2.0, 9.0]
    found = Result(measured, measured, measured, measured, fleets={20: 129.04, 100: 1020.0}).json()
    for key in ("first_bad_to_route_ms", "first_bad_to_last_bad_request_ms", "verdict_to_route_ms"):
        assert found[key] == {"p50": 2.0, "p99": 9.0, "n": 3}, key
    assert (found["fleet_20_last_route_ms"], found["fleet_100_last_route_ms"]) == (129.0, 1020.0)


def test_sizes_are_told_with_what_was_not_measured_as_null() -> None:
    keys = {"converge_s", "cold_start_s", "takeover_s", "rss_mib", "cpu_s", "idle_writes", "idle_cpu_s_per_min"}
    found = Figures(converge_s=22.4, queue_p99_s=inf, first_bad_to_route=[10.0], first_bad_to_route_busy=[70.0]).json()
    assert keys <= found.keys()
    assert (found["converge_s"], found["cold_start_s"]) == (22.4, None)
    assert found["queue_p99_s"] is None, "beyond the largest bucket: JSON knows no infinity"
    assert (found["first_bad_to_route_ms"]["p99"], found["first_bad_to_route_busy_ms"]["p99"]) == (10.0, 70.0)
