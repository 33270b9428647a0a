"""What are the settings of a piece of Blender, and which of them did somebody change?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bpy

SKIPPED = frozenset(
    {
        *("rna_type", "name", "type", "tag", "use_fake_user", "use_extra_user", "is_active", "use_pin_to_last"),
        *("show_expanded", "show_in_editmode", "show_on_cage", "execution_time", "persistent_uid", "select", "mute"),
        *("label", "location", "location_absolute", "width", "width_hidden", "height", "dimensions", "color"),
        *("use_custom_color", "hide", "show_options", "show_preview", "show_texture", "parent", "warning_propagation"),
        *("bl_idname", "bl_label", "bl_description", "bl_icon", "bl_width_default", "bl_width_min", "bl_width_max"),
        *("bl_height_default", "bl_height_min", "bl_height_max", "bl_static_type", "preview", "active"),
    }
)
"""What tells a view of the thing from another, or has a field of its own in the description."""
DIGITS = 6


def settings(thing: Any, also: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the settings of `thing` that are numbers, texts, choices, or names of other things.

    `also` names settings that are usually skipped, but matter here.
    """
    found: dict[str, Any] = {}
    for prop in thing.bl_rna.properties:
        name = prop.identifier
        if (name in SKIPPED and name not in also) or (prop.is_readonly and name not in also) or prop.is_hidden:
            continue
        try:
            value = plain(getattr(thing, name), prop)
        except (AttributeError, ValueError, RuntimeError):
            continue  # some getters of Blender refuse, depending on other settings
        if value is not None:
            found[name] = value
    return found


def pointers(thing: Any) -> tuple[str, ...]:
    """Return the settings of `thing` that point to other things of the file."""
    found = [
        prop.identifier for prop in thing.bl_rna.properties if prop.type == "POINTER" and prop.identifier not in SKIPPED
    ]
    return tuple(name for name in found if isinstance(getattr(thing, name, None), bpy.types.ID))


def plain(value: Any, prop: Any = None) -> Any:  # noqa: PLR0911 - one line for each type
    """Return `value` as JSON has it, or None where it has no such form."""
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, bpy.types.ID):
        return value.name
    if prop is not None and prop.type not in ("BOOLEAN", "INT", "FLOAT"):
        return None
    try:
        return [plain(one) for one in value]
    except TypeError:
        return None


def different(now: Mapping[str, Any], fresh: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the settings of `now` that a fresh thing of the kind has otherwise, or not at all."""
    return tuple(name for name, value in now.items() if fresh.get(name) != value)


class Fresh:
    """Settings of things as Blender makes them, each kind made once and taken away again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[dict[str, Any], dict[str, Any]]] = {}

    def of(
        self, key: tuple[str, ...], make: Callable[[], tuple[dict[str, Any], dict[str, Any]]]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return settings and inputs of the kind `key`; empty where Blender does not make one of it out of context."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except (RuntimeError, TypeError, AttributeError):
                self._known[key] = ({}, {})
        return self._known[key]
