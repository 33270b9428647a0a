"""In which bucket is a user? What clients compute to be served by one version from request to request.

Clients in any language compute the same: docs/how-to/sticky-users.md has the function and its test vectors.
"""

from __future__ import annotations

import hashlib

BUCKETS = 10_000
BUCKETS_PER_PERCENT = 100


def bucket(salt: str, user: str) -> int:
    """Return the user's bucket, 0 to 9999: the first 8 bytes of sha256("salt:user"), big-endian, modulo 10000."""
    digest = hashlib.sha256(f"{salt}:{user}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def header_value(number: int) -> str:
    """Return what a client of bucket `number` sends, "00" to "99": the bucket's percent, in two digits."""
    return f"{number // BUCKETS_PER_PERCENT:02d}"
