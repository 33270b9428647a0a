"""Does a root change its mind faster than anything real could?"""

from __future__ import annotations

from dataclasses import dataclass

from slipway.plan import Key

BURST = 30
REFILL_SECONDS = 2.0


@dataclass
class _Bucket:
    tokens: float
    at: float


class Pace:
    """A token bucket per root for reconciles that wrote something.

    A plan that is not idempotent wakes itself by its own writes; without this it would write as fast as the API server
    answers.
    """

    def __init__(self) -> None:
        self._buckets: dict[Key, _Bucket] = {}

    def rest(self, key: Key, now: float) -> float:
        """Count one writing reconcile of `key`; return the seconds it has to rest if it is changed again."""
        bucket = self._buckets.setdefault(key, _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL_SECONDS) - 1
        bucket.at = now
        if bucket.tokens >= 0:
            return 0.0
        bucket.tokens = -1.0
        return REFILL_SECONDS

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a root that is gone."""
        self._buckets.pop(key, None)
