"""How does what is not used any more go?"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from slipway_data.reuse import index, packs
from slipway_data.reuse.index import Index, Part
from slipway_data.reuse.lines import Broken
from slipway_pod.store import Bucket

log = logging.getLogger("slipway")

ORPHAN = timedelta(days=1)
"""Age of packs that no index names, and that no pod is about to name."""
SMALL = 16
"""Packs less than half full that may lie there; where there are more, they are put together."""


def compacted(bucket: Bucket, folder: str, kept: Index) -> Index:
    """Return `kept` without a byte in its packs that belongs to none of its entries: such packs are written anew."""
    small = [name for name, size in kept.packs.items() if size < packs.PACK // 2]
    anew = kept.unused() | (frozenset(small) if len(small) > SMALL else frozenset())
    if not anew:
        return kept
    reader, writer = packs.Reader(bucket, folder, kept.packs), packs.Writer(bucket, folder)
    moved: dict[str, list[list[Part]]] = {}
    try:
        for key, parts in kept.entries.items():
            try:
                moved[key] = [_moved(part, reader, writer) if part.pack in anew else [part] for part in parts]
            except Broken as error:
                log.warning("kept rows are damaged (%s): their file is read anew the next time", error)
        writer.close()
    finally:
        writer.give_up()
    entries = {key: tuple(part for place in places for part in place) for key, places in moved.items()}
    return listed(entries, dict(kept.packs) | writer.sizes)


def _moved(part: Part, reader: packs.Reader, writer: packs.Writer) -> list[Part]:
    content, place = reader.part(part), list[Part]()
    writer.begin(place)
    writer.add(content)
    return place


def listed(entries: Mapping[str, tuple[Part, ...]], sizes: Mapping[str, int]) -> Index:
    """Return the index of `entries`, with the packs that they are in."""
    return Index(entries=entries, packs={name: sizes[name] for name in index.used_by(entries)})


def swept(
    bucket: Bucket,
    folder: str,
    there: Mapping[str, datetime],
    known: Collection[str],
    after: Index,
    now: datetime,
) -> int:
    """Delete what is `there` of the `known` packs and `after` does not name any more; return how many.

    Of packs that nobody knows only old ones go: a pod that runs beside this one may be about to name the others.
    """
    gone = [
        name for name, written in there.items() if name not in after.packs and (name in known or now - written > ORPHAN)
    ]
    for name in gone:
        bucket.delete(packs.pack_key(folder, name))
    return len(gone)


def forgotten(bucket: Bucket, folder: str) -> int:
    """Delete the index in `folder` and all packs, in this order; return how many objects there were."""
    found = [key for key in (f"{folder}/{index.INDEX}",) if bucket.exists(key)]
    found += [one.key for one in bucket.list(packs.pack_key(folder, ""))]
    for key in found:
        bucket.delete(key)
    return len(found)
