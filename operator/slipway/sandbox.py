"""How does a Job run what nobody has read: code that a model wrote, or files that may crash their reader?

Its pod works in three steps, one container after the other, which share a folder:

    the first   with the Job's credentials, brings what is to be run
    blender     has no credentials, token or environment; reads the folder, and writes what came of it there
    main        goes on with that

`blender` sees neither the scratch space nor the processes of the others, and what it runs can open no socket
(images/eval-blender). A pod of its own would be no more shut in: what is run would travel through the store, for which
that pod would need credentials and a network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

from slipway.api.common import Resources
from slipway.contract.execution import EXCHANGE
from slipway.contract.job import JOB_FILE, SCRATCH, TERMINATION_LOG
from slipway.plan import Manifest
from slipway.settings import Settings
from slipway.workload import CONTAINER_SECURITY, resources

BLENDER: Final = "blender"
ROOM: Final = {"name": "exchange", "mountPath": EXCHANGE}
OWN: Final = "blender-scratch"


def with_blender(
    job: Manifest, first: str, command: Sequence[str], program: Sequence[str], wanted: Resources, settings: Settings
) -> Manifest:
    """Return `job` with a container `first`, like main but for its `command`, and after it Blender with `program`."""
    made = copy.deepcopy(dict(job))
    pod: dict[str, Any] = made["spec"]["template"]["spec"]
    (main,) = pod["containers"]
    before = copy.deepcopy(main) | {"name": first, "command": list(command)}
    before["volumeMounts"].append(ROOM)
    main["volumeMounts"].append({**ROOM, "readOnly": True})
    pod["initContainers"] = [before, _blender(program, wanted, settings)]
    pod["volumes"] += [{"name": ROOM["name"], "emptyDir": {}}, {"name": OWN, "emptyDir": {}}]
    rules = made["spec"]["podFailurePolicy"]["rules"]
    made["spec"]["podFailurePolicy"]["rules"] = _for_each((first, BLENDER), rules)
    return made


def _blender(program: Sequence[str], wanted: Resources, settings: Settings) -> dict[str, Any]:
    return {
        "name": BLENDER,
        "image": settings.images.eval_blender,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(program),
        "env": [{"name": "HOME", "value": SCRATCH}, {"name": "TMPDIR", "value": SCRATCH}],
        "resources": resources(wanted),
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "job", "mountPath": JOB_FILE.rpartition("/")[0], "readOnly": True},
            {"name": OWN, "mountPath": SCRATCH},
            ROOM,
        ],
    }


def _for_each(names: Sequence[str], rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `rules`, with each one on exit codes said of the containers `names` too."""
    found: list[dict[str, Any]] = []
    for rule in rules:
        found.append(rule)
        if (codes := rule.get("onExitCodes")) is not None:
            found += [{**rule, "onExitCodes": {**codes, "containerName": name}} for name in names]
    return found
