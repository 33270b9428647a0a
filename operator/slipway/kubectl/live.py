"""How is a Rollout shown while it changes: drawn in place on a terminal, else line by line?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

from slipway.kubectl.failures import Refused
from slipway.kubectl.log import log_lines
from slipway.kubectl.picture import picture
from slipway.kubectl.release import Sight
from slipway.kubectl.text import Screen

# The terminal's second screen, without a cursor; afterwards the first one is as it was.
OPEN, CLOSE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def show(sights: Iterable[Sight], out: TextIO, now: Callable[[], datetime]) -> None:
    """Show a Rollout until it is deleted, which is told as Refused."""
    if out.isatty():
        _draw(sights, out, now)
    else:
        _write(sights, out, now)
    raise Refused("the Rollout was deleted")


def screen_of(out: TextIO) -> Screen:
    """Return the size of the terminal, and no limits where there is none. NO_COLOR is respected (no-color.org)."""
    if not out.isatty():
        return Screen()
    size = shutil.get_terminal_size()
    return Screen(size.columns, size.lines, not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def write(lines: Iterable[str], out: TextIO) -> None:
    """Write lines at once, for whoever reads a pipe."""
    for line in lines:
        print(line, file=out, flush=True)


def _draw(sights: Iterable[Sight], out: TextIO, now: Callable[[], datetime]) -> None:
    last: Sequence[str] = ()
    try:
        with _canvas(out):
            for sight in sights:
                if sight.release is None:
                    return
                screen = screen_of(out)
                last = picture(sight.release, sight.events, now(), screen)
                trouble = [screen.paint(f"{sight.trouble}; trying again", "red")] if sight.trouble else []
                lines = screen.fit([*trouble, *last])
                # Over the old picture, not after wiping it: a wiped screen flickers.
                drawn = "\n".join(line + REST_OF_LINE for line in lines)
                print(HOME + drawn + REST_OF_SCREEN, end="", file=out, flush=True)
    finally:
        write(last, out)  # what was seen last stays to be read


def _write(sights: Iterable[Sight], out: TextIO, now: Callable[[], datetime]) -> None:
    before: Sight | None = None
    for sight in sights:
        if sight.release is None:
            return
        write(log_lines(before, sight, now()), out)
        before = sight


@contextmanager
def _canvas(out: TextIO) -> Iterator[None]:
    print(OPEN, end="", file=out, flush=True)
    try:
        yield
    finally:
        print(CLOSE, end="", file=out, flush=True)
