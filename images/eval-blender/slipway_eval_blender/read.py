"""Describe the .blend files that lie in the exchange folder, for a Dataset.

    python -m slipway_eval_blender.read

Each in a process of its own: what is no .blend, or crashes Blender, is written down as that, and the next one is read.
Of what this very version said before of the same bytes, nobody is asked.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from pydantic import ValidationError

import slipway.contract
import slipway_eval_blender
from slipway.contract.blend import Blend
from slipway.contract.blends import (
    DESCRIBED,
    FILES,
    INDEX,
    KEPT,
    READER,
    REFUSED,
    SECONDS,
    TAKEN,
    Index,
    KeptDescription,
    is_blend,
)
from slipway.contract.execution import EXCHANGE, RESOURCES
from slipway.contract.job import PrepareDataset
from slipway_eval_blender.describing import describe
from slipway_eval_blender.execute import room, warn_of_kernel
from slipway_eval_blender.lockdown import shut_off
from slipway_eval_blender.places import PATIENCE, SCENE
from slipway_eval_blender.scratch import folder
from slipway_eval_blender.watch import Share
from slipway_pod.code import digest
from slipway_pod.run import main

log = logging.getLogger("slipway")


def read(job: PrepareDataset) -> None:
    """Describe every file of the index that is a .blend by its name."""
    exchange = Path(os.environ.get("SLIPWAY_EXCHANGE", EXCHANGE))
    index = Index.model_validate_json((exchange / INDEX).read_bytes())
    warn_of_kernel()
    _, share = room(RESOURCES)
    mine = version()
    (exchange / READER).write_text(mine, encoding="utf-8")
    for name in (DESCRIBED, TAKEN):
        (exchange / name).mkdir(exist_ok=True)
    wanted = [at for at, one in enumerate(index.fetched) if is_blend(one.path) and not one.refused]
    for done, at in enumerate(wanted, start=1):
        if (known := kept(exchange / KEPT / f"{at}.json", mine)) is not None:
            (exchange / DESCRIBED / f"{at}.json").write_text(known, encoding="utf-8")
            (exchange / TAKEN / str(at)).touch()
            continue
        found = described(exchange / FILES / str(at), share)
        log.info("%d/%d %s: %s", done, len(wanted), index.fetched[at].path, found if isinstance(found, str) else "read")
        said = {REFUSED: found} if isinstance(found, str) else found.dump()
        (exchange / DESCRIBED / f"{at}.json").write_text(json.dumps(said), encoding="utf-8")


def kept(file: Path, reader: str) -> str | None:
    """Return what is kept in `file`; None where nothing is, or a reader of another version than `reader` said it."""
    try:
        found = KeptDescription.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    return found.said if found.reader == reader else None


def version() -> str:
    """Return a digest of all that decides what is said of a file: this code, Blender, and the Python that runs it."""
    return digest((slipway_eval_blender, slipway.contract), ("bpy", "pydantic"))


def described(file: Path, share: Share) -> Blend | str:
    """Return what is in `file`, or why Blender does not say it."""
    with folder("blend-") as fresh:
        (fresh / SCENE).symlink_to(file)
        return describe(fresh, SECONDS, share, PATIENCE)


if __name__ == "__main__":
    shut_off()
    main(read, PrepareDataset)
