"""How fast may the traffic come, so that a small machine stays able to answer?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pace:
    """Keeps about `in_flight` requests open: the slower the answers, the rarer the requests.

    While nothing is being released it is `quiet`, with fewer of them: two cores that never stop answering train at half
    their speed.
    """

    fastest: float = 0.35
    slowest: float = 10.0
    in_flight: float = 1.6
    in_flight_quiet: float = 0.4
    quiet: bool = False
    weight: float = 0.2
    typical: float = 0.5

    def answered(self, seconds: float) -> None:
        """Take the duration of one more request into account."""
        self.typical += self.weight * (seconds - self.typical)

    @property
    def interval(self) -> float:
        """Seconds between two requests."""
        in_flight = self.in_flight_quiet if self.quiet else self.in_flight
        return min(self.slowest, max(self.fastest, self.typical / in_flight))
