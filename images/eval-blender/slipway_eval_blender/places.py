"""How are the files called that a process of Blender and its parent exchange?"""

from __future__ import annotations

from typing import Final

TOLD: Final = "told.json"
"""What the process is to do, and its limits: seconds, memoryBytes."""
SCENE: Final = "scene.blend"
BLEND: Final = "blend.json"
FILE_BYTES: Final = 256 << 20
"""The largest file that a process may write."""
PATIENCE: Final = 5
"""How many times the seconds that a process may compute it may take by the clock."""
ANSWER, BEFORE, THEN = "answer", "before", "then"
"""Pieces of code in told.json."""
