"""How is Unreal's T3D clipboard text read, checked, shortened and written?

graph = parse(text)                  # raises T3DError: line, what was expected, what was found
found = salvaged(text)               # the graphs that can be used of a text, and what of it cannot
problems = check_links(graph)        # () when every pin link has both its ends, and both know of each other
short = normalised(graph)            # the same graph in a third of the characters
text = serialize(short)
"""

from slipway_formats.t3d.errors import T3DError
from slipway_formats.t3d.links import Link, LinkProblem, Pin, check_links, components, links, pins, without_dangling
from slipway_formats.t3d.model import Custom, Graph, Object, Property
from slipway_formats.t3d.normal import compact, normalised, renamed, shorten_guids
from slipway_formats.t3d.parse import parse
from slipway_formats.t3d.salvage import Broken, Salvaged, salvaged
from slipway_formats.t3d.write import serialize

__all__ = [
    "Broken",
    "Custom",
    "Graph",
    "Link",
    "LinkProblem",
    "Object",
    "Pin",
    "Property",
    "Salvaged",
    "T3DError",
    "check_links",
    "compact",
    "components",
    "links",
    "normalised",
    "parse",
    "pins",
    "renamed",
    "salvaged",
    "serialize",
    "shorten_guids",
    "without_dangling",
]
