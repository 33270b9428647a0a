"""Delete models that nothing in the cluster speaks of, checkpoints of runs and kept rows of Datasets that are gone.

A dry run unless told otherwise: it shows what lies there unmentioned, and changes nothing.
"""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from slipway.contract.artifact import MANIFEST
from slipway.contract.garbage import IN_USE_FILE, InUse
from slipway.contract.job import Store
from slipway.contract.parsed_rows import PARSED_ROWS
from slipway.contract.signature import BESIDE
from slipway_pod.errors import BadConfig, PodError
from slipway_pod.garbage import Judged, Marks, judged, marked, table, things
from slipway_pod.store import Bucket, open_store

log = logging.getLogger("slipway")

MARKS = "garbage/unmentioned.json"
PLACES = ("models/", "checkpoints/", f"{PARSED_ROWS}/")
FRESH = timedelta(hours=1)
"""How old the list of what is in use may be."""


def collect(store: Store, in_use: InUse, now: datetime, grace: timedelta, *, delete: bool) -> list[Judged]:
    """Judge everything below the prefix of `store`; where `delete` says so, delete garbage and remember the rest."""
    _believe(in_use, now)
    bucket, prefix = open_store(store), f"{store.prefix}/" if store.prefix else ""
    found = things((stored for place in PLACES for stored in bucket.list(prefix + place)), prefix)
    root = bucket.uri(prefix)
    marks = _marks(bucket, prefix + MARKS)
    result = list(judged(found, root, in_use, marks, now, grace))
    if not delete:
        return result
    for one in result:
        if one.verdict == "Garbage":
            _delete(bucket, prefix, one)
    kept = marked(one for one in result if one.verdict == "Waiting")
    bucket.put(prefix + MARKS, kept.model_dump_json(by_alias=True).encode())
    return result


def _believe(in_use: InUse, now: datetime) -> None:
    """Raise BadConfig where the list of what is in use cannot be the truth of now."""
    if in_use.objects == 0:
        raise BadConfig(
            "NothingInUse",
            "the cluster has no Dataset, TrainingJob, ModelVersion or Rollout, and everything would be garbage: if "
            "that is so, delete the store's folder yourself",
        )
    if now - datetime.fromisoformat(in_use.read) > FRESH:
        raise BadConfig("InUseOutdated", f"the list of what is in use is of {in_use.read}: start a new pod")


def _marks(bucket: Bucket, key: str) -> Marks:
    if not bucket.exists(key):
        return Marks()
    try:
        return Marks.model_validate_json(bucket.read(key))
    except ValidationError:
        # Forgetting means waiting once more.
        log.warning("%s is unreadable, everything that is unmentioned waits anew", bucket.uri(key))
        return Marks()


def _delete(bucket: Bucket, prefix: str, one: Judged) -> None:
    """Delete all parts of a thing, its manifest first: from then on it is no artefact, however far the rest gets."""
    name = one.thing.name
    beside = [bucket.find(f"{prefix}{name}{suffix}") for suffix in BESIDE] if one.thing.digest else []
    parts = [*bucket.list(f"{prefix}{name}/"), *(stored for stored in beside if stored is not None)]
    if any(stored.modified > one.thing.modified for stored in parts):
        # A run publishes it at this moment: what lies beside an artefact is written first.
        log.info("%s was written again meanwhile, it stays", name)
        return
    for stored in sorted(parts, key=lambda stored: not stored.key.endswith(f"/{MANIFEST}")):
        bucket.delete(stored.key)
    log.info("deleted %s: %d objects", name, len(parts))


def main(arguments: list[str] | None = None) -> int:
    """Collect as the command line says, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(prog="slipway_pod.collect", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bucket", required=True, help="of the installation")
    parser.add_argument("--prefix", default="slipway", help="of the installation in its bucket, default slipway")
    parser.add_argument("--endpoint", default="", help="of the object store; empty means AWS")
    parser.add_argument("--region", default="us-east-1", help="of the object store, default us-east-1")
    parser.add_argument("--in-use", type=Path, default=Path(IN_USE_FILE), help="what `python -m slipway.collect` wrote")
    parser.add_argument("--grace-days", type=int, default=7, help="how long something stays unmentioned, default 7")
    parser.add_argument("--delete", action="store_true", help="delete, instead of showing what would be")
    given = parser.parse_args(arguments)
    if given.grace_days < 0:
        parser.error("--grace-days must be 0 or more; with 0 the next collection deletes what this one writes down")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        in_use = InUse.model_validate_json(given.in_use.read_bytes())
        store = Store(endpoint=given.endpoint, region=given.region, bucket=given.bucket, prefix=given.prefix)
        grace = timedelta(days=given.grace_days)
        found = collect(store, in_use, datetime.now(UTC), grace, delete=given.delete)
    except (OSError, ValidationError) as error:
        print(f"{given.in_use} does not say what is in use ({error}); nothing is collected", file=sys.stderr)
        return int(BadConfig.code)
    except PodError as error:
        print(error, file=sys.stderr)
        return int(error.code)
    for line in table(found, deleting=given.delete):
        print(line)
    if not given.delete:
        print("a dry run: nothing was changed. Set collector.delete in the chart's values to delete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
