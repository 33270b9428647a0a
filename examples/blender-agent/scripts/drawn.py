"""Which values do requests have, and how are they said?"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from api import Lesson, Property


def each(words: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(words.split())


NAMES = each(
    """
    Anchor Apple Arch Barrel Basket Beam Bell Bench Blade Boat Bolt Bottle Bowl Brick Bridge Bucket Button Cabin Candle
    Cart Chair Chest Clock Column Crate Crown Cup Desk Disc Dish Dome Door Drum Engine Feather Fence Flag Flask Frame
    Gate Gear Globe Hammer Handle Hat Hinge Hook Hut Jar Kettle Ladder Lamp Leaf Lever Lid Mast Mill Mug Nail Nest Oar
    Pedal Pillar Pin Plank Pole Pot Rail Rod Roof_B Rope Sail Seat Shelf Shield Ship Shutter Sign Spoke Spoon Stool
    Table Tank Tent Tile Tower Tray Trunk Tube Vase Wagon Wall_3 Well Wheel_2 Window Yoke
    """
)
ADJECTIVES = each(
    """
    Amber Ash Azure Black Blue Brass Bronze Chalk Chrome Coal Copper Coral Cream Gold Green Ivory Jade Lead Leather Lime
    Marble Mint Moss Navy Olive Paper Pearl Pink Plum Rubber Ruby Rust Sand Satin Silver Slate Teal Violet White Wood
    """
)
AXES = "xyz"


class Draw:
    """Draws values from `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def one(self, of: Sequence[str]) -> str:
        """Return one of several."""
        return self.chance.choice(of)

    def some(self, of: Sequence[Property], most: int) -> list[Property]:
        """Return one or more of several, `most` at most."""
        return self.chance.sample(list(of), min(len(of), self.chance.randint(1, most)))

    def likely(self, percent: int) -> bool:
        """Return True that often."""
        return self.chance.randrange(100) < percent

    def length(self) -> float | int:
        """Return a length as people write them: 2, 0.5, 1.75."""
        return self.chance.choice((0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.8, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8))

    def count(self, most: int = 12) -> int:
        """Return a small number, 2 or more."""
        return self.chance.randint(2, most)

    def angle(self) -> int:
        """Return degrees."""
        return self.chance.choice((10, 15, 20, 25, 30, 45, 60, 75, 90, 120, 135, 180))

    def place(self) -> tuple[float | int, ...]:
        """Return a point."""
        return tuple(self.chance.choice((-6, -4, -3, -2, -1, -0.5, 0, 0, 0, 0.5, 1, 1.5, 2, 3, 4, 5)) for _ in AXES)

    def colour(self) -> tuple[float | int, ...]:
        """Return red, green, blue and alpha."""
        return (*(self.chance.choice((0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.9, 1)) for _ in AXES), 1)

    def name(self) -> str:
        """Return a name for an object."""
        return self.chance.choice(NAMES)

    def names(self, count: int) -> list[str]:
        """Return different names for objects."""
        return self.chance.sample(NAMES, count)

    def value(self, of: Property) -> object:
        """Return a value for a property."""
        match of.type:
            case "bool":
                return self.chance.random() < 0.75
            case "int":
                return self.chance.randint(1, 8)
            case "float":
                return self.length()
            case _:
                return self.chance.choice(of.choices)

    def said(self, of: Property, value: object) -> str:
        """Return a property with its value as people say it."""
        if isinstance(value, bool):
            return f"{of.words} {'on' if value else 'off'}"
        if isinstance(value, str):
            return f"{of.words} {value.lower().replace('_', ' ')}"
        if of.name.endswith("s") and isinstance(value, int):
            return self.one((f"{value} {of.words}", f"{of.words} {value}"))
        return self.one((f"{of.words} {value}", f"{of.words} of {value}", f"a {of.words} of {value}"))


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def an(words: str) -> str:
    """Return `words` with their article."""
    vowel = words[0].lower() in "aeiou" and not words.startswith("UV")
    return f"{'an' if vowel else 'a'} {words}"


def lesson(asked: str, code: Iterable[str], *modules: str) -> Lesson:
    """Return a lesson whose code begins with its imports."""
    imports = [f"import {module}" for module in sorted({"bpy", *modules})]
    return Lesson(asked, "\n".join([*imports, "", *code]))
