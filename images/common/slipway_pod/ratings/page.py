"""How does a sheet look? One file that works from a disk, asks nothing of the network, and knows no side.

What models wrote stands in it as text, never in a script or a style; the one script that may run is ours, by its hash.
"""

from __future__ import annotations

from pathlib import Path

from slipway.api.ratings import RATER
from slipway.contract.ratings import FORMAT, MARKUP
from slipway_pod import page
from slipway_pod.ratings.draw import Shown

FOLDER = Path(__file__).parent
SCRIPT = "page.js"


def sheet(shown: tuple[Shown, ...], digest: str) -> str:
    """Return the HTML of the sheet with this digest."""
    code = (FOLDER / SCRIPT).read_text(encoding="utf-8")
    # For HTML two comments; for a strict XML parser the reason to take < and & in between for what they are.
    script = f"//<![CDATA[\n{code}//]]>\n"
    return page.rendered(
        FOLDER,
        "page.html.j2",
        pairs=shown,
        digest=digest,
        format=FORMAT,
        markup=MARKUP,
        rater=RATER,
        script=script,
        script_allowed=page.hashed(script),
    )
