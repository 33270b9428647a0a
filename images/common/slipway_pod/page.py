"""How does a report look as one page? No script, no request to anywhere, and nothing that it shows is taken for markup.

A page that people work on has a script of its own, which the policy allows by its hash, and still no other.

The page is well-formed XML too, so that a test can read it with a strict parser.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

SHARED = Path(__file__).parent
STYLE = "page.css"


def rendered(folder: Path, template: str, **shown: object) -> str:
    """Return the HTML of `template` in `folder`, which extends layout.html.j2; `folder` may have a page.css too."""
    environment = Environment(
        loader=FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "share": _share}
    sheets = [path for path in (SHARED / STYLE, folder / STYLE) if path.is_file()]
    style = "".join(path.read_text(encoding="utf-8") for path in sheets)
    # The policy allows this very style and nothing else: markup that slipped in could load or run nothing.
    return environment.get_template(template).render(**shown, style=style, allowed=hashed(style))


def hashed(text: str) -> str:
    """Return `text` as a content security policy names it, without the `sha256-` before it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _number(value: int) -> str:
    return f"{value:,}"


def _share(value: int, whole: int) -> str:
    """Return `value` in hundredths of `whole`, for the width of a bar."""
    return f"{value * 100 / whole:.2f}" if whole else "0"
