"""Which mirror makes the base image, on machines whose package sources are of many kinds?"""

from __future__ import annotations

import pytest

from e2e.cluster.buildah import mirror_in

DEBIAN = "http://mirror.example/debian/ bookworm main"


@pytest.mark.parametrize(
    ("listed", "mirror"),
    [
        (DEBIAN, ["http://mirror.example/debian/"]),
        (f"http://mirror.example/security/ bookworm-security main\n{DEBIAN}", ["http://mirror.example/debian/"]),
        (f"https://flat.example/ /\n\n{DEBIAN}", ["http://mirror.example/debian/"]),
        ("mirror+file:/etc/apt/mirrors/debian.list bookworm main", []),
        ("http://mirror.example/debian/ bookworm contrib", []),
        ("", []),
    ],
    ids=["plain", "others first", "a flat one without component", "a list of mirrors", "no main", "nothing"],
)
def test_the_first_source_that_debootstrap_can_use(listed: str, mirror: list[str]) -> None:
    assert mirror_in(listed) == mirror
