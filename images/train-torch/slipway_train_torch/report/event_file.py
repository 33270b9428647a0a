"""How does the history of a run become an event file for TensorBoard?

The file follows from the history, so a resumed run writes it anew and TensorBoard finds every step once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

TAGS: Final[Mapping[str, str]] = {
    "loss": "loss/train",
    "validationLoss": "loss/validation",
    "learningRate": "train/learning_rate",
    "gradientNorm": "train/gradient_norm",
    "tokensPerSecond": "speed/tokens_per_second",
    "trainedTokensPerSecond": "speed/trained_tokens_per_second",
    "mfuPercent": "speed/mfu_percent",
    "memoryBytes": "memory/bytes",
}
"""What TensorBoard calls the figures of a line; the part before / groups charts."""


class EventFile:
    """An event file that grows with the history."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._written = 0
        self._records = RecordWriter(str(path))
        self._write(Event(wall_time=0.0, file_version="brain.Event:2"))

    def extend(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write what `history` has gained since the last call."""
        for line in history[self._written :]:
            values = [
                Summary.Value(tag=TAGS[key], simple_value=value)
                for key, value in line.items()
                if key in TAGS and math.isfinite(value)
            ]
            if values:
                # Lines that an older version noted have no time.
                self._write(Event(wall_time=line.get("at", 0.0), step=line["step"], summary=Summary(value=values)))
        self._written = len(history)
        self._records.flush()

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
