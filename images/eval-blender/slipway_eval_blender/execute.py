"""What becomes of all the answers in the exchange folder?"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sysconfig
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from slipway.api.common import Resources
from slipway.contract.execution import (
    BLENDER,
    EXCHANGE,
    LAYERS,
    REQUESTS,
    RESOURCES,
    VERDICTS,
    Request,
    Task,
    Verdict,
    Verdicts,
)
from slipway.contract.job import Evaluate
from slipway_eval_blender.judge import Judge
from slipway_eval_blender.landlock import version
from slipway_eval_blender.stubs import Stubs
from slipway_eval_blender.watch import Share
from slipway_pod.errors import BadConfig

log = logging.getLogger("slipway")

OWN_BYTES = 640 << 20
"""What this process keeps for itself: the API stubs, and the answers."""
LEAST_BYTES = 768 << 20
"""Blender with an empty scene takes half of it."""
LEAST_DISK = 64 << 20
UNITS = {"m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
PROOF = Task(
    id="proof",
    prompt="-",
    expect={"objects": [{"type": "MESH", "mesh": {"vertices": 8, "faces": 6}}]},
    solution="import bpy\nbpy.ops.mesh.primitive_cube_add(size=1)",
)
"""Blender can do this everywhere. Where it cannot, no answer is to blame."""

Judged = tuple[tuple[str, tuple[Verdict, ...]], ...]


def execute(job: Evaluate) -> None:
    """Run every answer in the exchange folder, and write all verdicts at the end.

    Only then: no answer is running any more that could write others.
    """
    folder = Path(os.environ.get("SLIPWAY_EXCHANGE", EXCHANGE))
    found = sorted((folder / REQUESTS).glob("*.json"))
    if not found:
        log.info("no answers to run: their figures are known already")
        return
    requests = [_request(path) for path in found]
    warn_of_kernel()
    workers, share = room(job.evaluation.execution or RESOURCES if job.evaluation is not None else RESOURCES)
    stubs = Stubs(Path(sysconfig.get_paths()["purelib"]))
    if stubs.module("bpy.types") is None:
        raise BadConfig("NoStubs", "the image lacks the API stubs of fake-bpy-module: build it again")
    with ThreadPoolExecutor(workers) as pool:
        made = [_verdicts(request, Judge(stubs, request.timeout_seconds, share), pool) for request in requests]
    shutil.rmtree(folder / VERDICTS, ignore_errors=True)  # where a kernel lets answers write here, one may have
    (folder / VERDICTS).mkdir()
    for path, verdicts in zip(found, made, strict=True):
        unfinished = folder / VERDICTS / f".{path.name}"
        unfinished.write_text(verdicts.model_dump_json(by_alias=True), encoding="utf-8")
        unfinished.replace(folder / VERDICTS / path.name)


def warn_of_kernel() -> None:
    """Say it where one of the walls is missing."""
    if not version():
        log.warning("this node's kernel has no Landlock: what runs here is kept from the network, but not from files")


def room(resources: Resources) -> tuple[int, Share]:
    """Return how many Blenders may run at a time in a container of `resources`, and what each may take of it.

    Of the disk they take half together: a process that takes too much is noticed a moment later, a pod that does goes.
    """
    workers = max(1, int(_number(resources.cpu)))
    memory = int(_number(resources.memory) - OWN_BYTES) // workers
    if memory < LEAST_BYTES:
        raise BadConfig(
            "TooLittleMemory",
            f"evaluation.execution.memory {resources.memory} is too little for Blender, of which {workers} are to run "
            f"at a time: ask for {(LEAST_BYTES * workers + OWN_BYTES) >> 20}Mi or more",
        )
    disk = int(_number(resources.storage)) // 2 // workers
    if disk < LEAST_DISK:
        raise BadConfig(
            "TooLittleStorage",
            f"evaluation.execution.storage {resources.storage} is too little for {workers} Blenders at a time: ask for "
            f"{(LEAST_DISK * 2 * workers) >> 20}Mi or more",
        )
    return workers, Share(memory, disk)


def _verdicts(request: Request, judge: Judge, pool: ThreadPoolExecutor) -> Verdicts:
    proof = judge.verdict(PROOF, PROOF.solution)
    if proof.layer != "AsAsked":
        raise BadConfig("BlenderBroken", f"Blender cannot make a cube here: {proof.fault}: {proof.why}")
    waiting = [
        (one.task.id, [pool.submit(judge.verdict, one.task, answer) for answer in one.answers])
        for one in request.answered
    ]
    judged = tuple((id, tuple(future.result() for future in futures)) for id, futures in waiting)
    _tell(judged)
    return Verdicts(blender=BLENDER, judged=judged)


def _tell(judged: Judged) -> None:
    every = [verdict for _, verdicts in judged for verdict in verdicts]
    reached = [sum(LAYERS.index(one.layer) >= at for one in every) for at in range(1, len(LAYERS))]
    faults = Counter(one.fault for one in every if one.fault)
    log.info(
        "%d answers to %d tasks: %s; %s",
        len(every),
        len(judged),
        ", ".join(f"{name} {count}" for name, count in zip(LAYERS[1:], reached, strict=True)),
        ", ".join(f"{name} {count}" for name, count in faults.most_common()) or "no faults",
    )


def _request(path: Path) -> Request:
    try:
        return Request.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadConfig("ExchangeUnreadable", f"{path.name}: {error}. Do the images differ in version?") from error


def _number(quantity: str) -> float:
    digits, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity).groups()  # type: ignore[union-attr]  # the API's form
    return float(digits) * UNITS[unit]
