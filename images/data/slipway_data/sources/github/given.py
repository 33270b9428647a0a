"""Which of many things does GitHub give, and why not the others?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from slipway_data.sources.github.api import Api, NotGiven, Trouble

IN_A_ROW = 3
"""Things that GitHub has no good answer for, one after the other: then it is not they that are ill."""

T = TypeVar("T")
R = TypeVar("R")


def each(api: Api, things: Iterable[T], ask: Callable[[T], R]) -> Iterator[tuple[T, R | NotGiven]]:
    """Yield what `ask` returns for each of `things`, or why GitHub does not give it, in any order.

    What it has no good answer for, for as long as patience lasts, is asked for once more after all others, and left
    out then if GitHub answers at all. Raises SourceUnreachable where it does not.
    """
    later: list[T] = []
    in_a_row = 0
    for thing in things:
        found: R | NotGiven
        try:
            found = ask(thing)
        except NotGiven as error:
            found = error
        except Trouble as trouble:
            later.append(thing)
            in_a_row += 1
            if in_a_row == IN_A_ROW:
                raise trouble.error from trouble
            continue
        in_a_row = 0
        yield thing, found
    for thing in later:
        yield thing, _at_last(api, thing, ask)


def _at_last(api: Api, thing: T, ask: Callable[[T], R]) -> R | NotGiven:
    try:
        return ask(thing)
    except NotGiven as error:
        return error
    except Trouble as trouble:
        api.must_be_well(trouble)
        said = f"GitHub answers, and not to this, asked for minutes, twice ({trouble.error.message})"
        return Unanswered(f"{said}: prepare the Dataset again on another day")


class Unanswered(NotGiven):
    """GitHub does not give something, and does not say why: it may give it some other day."""
