"""Which instruction pairs does a .blend file hold?

One for every material, world and node group; for every light and camera; for the modifiers of every object; and one for
the collections of the scene. What only makes sense with other things of the file (a modifier that points to an object)
is left out: an answer has to work by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from pydantic import ValidationError

from slipway.contract.blend import Blend
from slipway.contract.blends import REFUSED, is_blend
from slipway.contract.execution import SYSTEM
from slipway_data import script_objects, script_trees
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import NOTHING_TO_ASK, UNREADABLE_FILE, Ids, Parsed, Rejected, instruction
from slipway_data.script import Script

CHARACTERS_LIMIT = 8000


def read(file: RawFile, schema: Literal["Chat", "Completion"]) -> Iterator[Parsed | Rejected]:
    """Yield every pair in `file`, which holds what Blender says of a .blend, or one rejection for the file."""
    if not is_blend(file.path):
        yield Rejected(file.path, UNREADABLE_FILE, "no .blend by its name: leave it out by source include patterns")
        return
    try:
        said = json.loads(file.text())
        if REFUSED in said:
            yield Rejected(file.path, UNREADABLE_FILE, f"it is not read: {said[REFUSED]}")
            return
        blend = Blend.model_validate(said)
    except Refused as error:
        yield error.rejected(file.path)
        return
    except (ValueError, ValidationError):
        yield Rejected(file.path, UNREADABLE_FILE, "what Blender says of it is too large or broken off: split the file")
        return
    ids, found = Ids(file.path), 0
    for script in scripts(blend):
        if len(script.code) <= CHARACTERS_LIMIT:
            found += 1
            yield Parsed(ids.next(script.name), instruction(script.asked, script.code, schema, SYSTEM))
    if not found:
        yield Rejected(
            file.path, NOTHING_TO_ASK, "no material, light, camera, modifier, node group or collection in it"
        )


def scripts(blend: Blend) -> Iterator[Script]:
    """Yield everything that can be asked for of `blend`, with the Python that makes it."""
    yield from script_trees.scripts(blend)
    yield from script_objects.scripts(blend)
