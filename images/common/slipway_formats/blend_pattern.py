"""Does a .blend file hold what was asked for?

A pattern has the shape of slipway.contract.blend.Blend and says only what matters:

    {"objects": [{"type": "MESH", "modifiers": [{"type": "ARRAY", "settings": {"count": 5}}]},
                 {"type": "LIGHT", "count": {"min": 2}}]}

Numbers agree within a thousandth. `{"min": 1, "max": 3}` is a range, `{"any": [a, b]}` one of several, `null` nothing.
Of a list of objects, each pattern must find one of its own, or as many as its `count` says, which may be 0. Of a list
of texts, each must be there. Lists of numbers agree number by number.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from slipway.contract.blend import Blend

TOLERANCE = 1e-3
COUNT, ANY = "count", "any"
RANGE = frozenset({"min", "max"})


class BadPattern(ValueError):
    """A pattern says something that no file can ever be asked for."""


def check(pattern: Mapping[str, Any]) -> None:
    """Raise BadPattern where `pattern` names a field that no .blend file has, with the fields that there are."""
    if not pattern:
        raise BadPattern("expect is empty: every file would do")
    _check(pattern, Blend, "expect")


def unmet(pattern: Mapping[str, Any], found: Blend) -> str:
    """Return what of `pattern` the file does not have, in words; empty when it has everything."""
    return _unmet(pattern, found.model_dump(mode="json"), "")


def _check(pattern: Any, kind: Any, where: str) -> None:
    if isinstance(pattern, Mapping) and set(pattern) == {ANY}:
        for one in pattern[ANY]:
            _check(one, kind, where)
        return
    model, many = _model(kind)
    if model is None or pattern is None or _is_range(pattern):
        return
    if many:
        if not isinstance(pattern, list) or not pattern:
            raise BadPattern(f"{where}: write a list of {model.__name__} patterns")
        for at, one in enumerate(pattern):
            _check_fields(one, model, f"{where}[{at}]", {COUNT})
        return
    _check_fields(pattern, model, where, set())


def _check_fields(pattern: Any, model: type[BaseModel], where: str, more: set[str]) -> None:
    if not isinstance(pattern, Mapping):
        raise BadPattern(f"{where}: write an object with fields of {model.__name__}")
    for key, value in pattern.items():
        if key in more:
            continue
        field = model.model_fields.get(key)
        if field is None:
            raise BadPattern(f"{where}.{key}: no such field; there are {', '.join(model.model_fields)}")
        _check(value, field.annotation, f"{where}.{key}")


def _model(kind: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model that a field of type `kind` holds, if it holds one, and whether it holds many."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, False
    if get_origin(kind) is tuple:
        return _model(get_args(kind)[0])[0], True
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for one in get_args(kind) if (found := _model(one))[0] is not None), (None, False))
    return None, False


def _unmet(pattern: Any, found: Any, where: str) -> str:
    if isinstance(pattern, Mapping):
        return _unmet_object(pattern, found, where)
    if isinstance(pattern, list):
        return _unmet_list(pattern, found, where)
    if isinstance(pattern, str | bool) or pattern is None:
        right = found == pattern
    else:
        right = _is_number(found) and math.isclose(found, pattern, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return "" if right else f"{where or 'the file'} is {_short(found)}, wanted {_short(pattern)}"


def _unmet_object(pattern: Mapping[str, Any], found: Any, where: str) -> str:
    if set(pattern) == {ANY}:
        faults = [_unmet(one, found, where) for one in pattern[ANY]]
        return "" if not all(faults) else faults[0]
    if _is_range(pattern):
        right = _is_number(found) and pattern.get("min", -math.inf) <= found <= pattern.get("max", math.inf)
        return "" if right else f"{where} is {_short(found)}, wanted {_short(pattern)}"
    if not isinstance(found, Mapping):
        return f"{where} is {_short(found)}, wanted {_short(pattern)}"
    for key, value in pattern.items():
        inside = f"{where}.{key}" if where else key
        if key not in found:
            return f"{inside} is not there"
        if fault := _unmet(value, found[key], inside):
            return fault
    return ""


def _unmet_list(pattern: Sequence[Any], found: Any, where: str) -> str:
    if not isinstance(found, Sequence) or isinstance(found, str):
        return f"{where} is {_short(found)}, wanted {_short(pattern)}"
    if pattern and all(isinstance(one, Mapping) and not _is_range(one) and set(one) != {ANY} for one in pattern):
        return _unmet_objects(pattern, found, where)
    if all(isinstance(one, str) for one in pattern):
        missing = [one for one in pattern if one not in found]
        return f"{where} lacks {_short(missing)}, it has {_short(found)}" if missing else ""
    if len(pattern) != len(found):
        return f"{where} has {len(found)} values, wanted {len(pattern)}"
    faults = (_unmet(one, value, f"{where}[{at}]") for at, (one, value) in enumerate(zip(pattern, found, strict=True)))
    return next((fault for fault in faults if fault), "")


def _unmet_objects(pattern: Sequence[Mapping[str, Any]], found: Sequence[Any], where: str) -> str:
    """Return which of `pattern` finds none of its own in `found`, or not as many as its `count` says."""
    fits: list[list[int]] = []
    for one in pattern:
        wanted = {key: value for key, value in one.items() if key != COUNT}
        faults = [_unmet(wanted, value, where) for value in found]
        there = [at for at, fault in enumerate(faults) if not fault]
        if COUNT in one:
            if fault := _unmet(one[COUNT], len(there), f"the number of {where} like {_short(wanted)}"):
                return fault
            continue
        if not there:
            # Of several near misses, the one that came furthest says most; the longest path stands for it.
            nearest = max(faults, key=lambda fault: fault.count(".") + fault.count("["), default="")
            return f"no {where} like {_short(wanted)}{f': {nearest}' if nearest else ''}"
        fits.append(there)
    if not _each_its_own(fits):
        return f"{where} has fewer that fit than the {len(fits)} asked for"
    return ""


def _each_its_own(fits: Sequence[Sequence[int]]) -> bool:
    """Tell whether each can have one of its fits to itself (augmenting paths)."""
    taken: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for at in fits[one]:
            if at not in tried:
                tried.add(at)
                if at not in taken or place(taken[at], tried):
                    taken[at] = one
                    return True
        return False

    return all(place(one, set()) for one in range(len(fits)))


def _is_range(pattern: Any) -> bool:
    return isinstance(pattern, Mapping) and bool(pattern) and set(pattern) <= RANGE


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f"{text[:159]}…"
