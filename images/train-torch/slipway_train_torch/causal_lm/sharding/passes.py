"""How often does a process go through the model for others only?

The weights of a divided model come from all processes in every pass, so all make equally many; one that has no rows
left takes part with rows that count for nothing.
"""

from __future__ import annotations


def idle(rows: int, rank: int, size: int, micro_batch: int) -> int:
    """Return how many passes process `rank` of `size` has fewer than the one that has most.

    `rows` are dealt out in turn, the first to rank 0, and go through the model `micro_batch` at a time.
    """
    own = len(range(rank, rows, size))
    most = -(-rows // size)
    return -(-most // micro_batch) - -(-own // micro_batch)
