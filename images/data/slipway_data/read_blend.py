"""Which instruction pairs does a .blend file hold?

One for every material, world and node group; for every object that is a shape of Blender's own, an empty, a light, a
camera, a curve or a text; for an object with its children and a collection with its objects, where all are such; for
the modifiers and the constraints of every object; and one for the collections of the scene. What only makes sense with
other things of the file (a modifier that points to an object), or would not be just the same, is left out and told: an
answer has to work by itself, and to be true.
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
from slipway_data.rows import NOT_RECREATED, NOTHING_TO_ASK, UNREADABLE_FILE, Ids, Parsed, Rejected, instruction
from slipway_data.script import Left, Script

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
    for item in scripts(blend):
        if isinstance(item, Left):
            yield Rejected(ids.next(item.name), NOT_RECREATED, item.why)
        elif len(item.code) > CHARACTERS_LIMIT:
            yield Rejected(ids.next(item.name), NOT_RECREATED, f"its code has more than {CHARACTERS_LIMIT} characters")
        else:
            found += 1
            yield Parsed(ids.next(item.name), instruction(item.asked, item.code, schema, SYSTEM))
    if not found:
        yield Rejected(
            file.path,
            NOTHING_TO_ASK,
            "no object, material, modifier, constraint, node group or collection to make again",
        )


def scripts(blend: Blend) -> Iterator[Script | Left]:
    """Yield everything that can be asked for of `blend`, with the Python that makes it, or why there is none."""
    yield from script_trees.scripts(blend)
    yield from script_objects.scripts(blend)
