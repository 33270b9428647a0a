"""For how long does GitHub want to hear nothing from us?

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: the primary limit is counted in headers
and ends at a time; the secondary one names seconds, or none, and then wants a minute first and ever more afterwards.
"""

from __future__ import annotations

import urllib3

from slipway_data.sources.web import retry_after

REFUSING = (403, 429)
SECONDARY_PAUSE = 60.0
MARGIN = 1.0
"""Seconds past a reset, which is told in whole ones."""


def resource(url: str) -> str:
    """Return which of GitHub's counters a request counts for."""
    return "search" if "/search/" in url else "core"


def reset(answer: urllib3.BaseHTTPResponse, now: float) -> float | None:
    """Return in how many seconds requests are allowed again, None where some are left."""
    if answer.headers.get("X-RateLimit-Remaining") != "0":
        return None
    at = answer.headers.get("X-RateLimit-Reset", "")
    return max(0.0, float(at) - now) + MARGIN if at.isdecimal() else None


def refused(answer: urllib3.BaseHTTPResponse, message: str, now: float, times: int) -> float | None:
    """Return how many seconds to wait after an answer that refuses for a limit; None where it has another meaning.

    `times` is how often requests were refused in a row before this one.
    """
    if answer.status not in REFUSING:
        return None
    if (asked := retry_after(answer)) is not None:
        return asked
    if (until := reset(answer, now)) is not None:
        return until
    if answer.status == 429 or "rate limit" in message.lower():
        return SECONDARY_PAUSE * 2.0**times
    return None
