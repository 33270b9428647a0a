"""In which words and units are a metric's figures told?"""

from __future__ import annotations

from dataclasses import dataclass

from slipway.api.analysis import AnalysisMetric, MetricStatus
from slipway.kubectl.release import Release

OUTCOME_STYLE = {
    "Pass": "green",
    "Fail": "red",
    "NoData": "yellow",
    "TooFewSamples": "yellow",
    "Error": "yellow",
    "Cancelled": "dim",
}
UNMEASURED = "not measured"


@dataclass(frozen=True)
class Measure:
    """A metric of the spec, and its newest judgement where there is one."""

    name: str
    metric: AnalysisMetric | None
    """None where the spec does not have it any more."""
    found: MetricStatus | None
    in_force: bool = True
    """False where the candidate's present step does not ask for it."""

    @property
    def outcome(self) -> str:
        """The outcome in a word."""
        return self.found.outcome if self.found is not None else UNMEASURED

    @property
    def standing(self) -> str:
        """The outcome in words."""
        if not self.in_force:
            return f"{self.outcome}, not in force"
        return f"{self.outcome}, dry run" if self._dry else self.outcome

    def hinders(self, *outcomes: str) -> bool:
        """Tell whether it acts, with one of `outcomes`."""
        return self.in_force and not self._dry and self.outcome in outcomes

    @property
    def critical(self) -> bool:
        """One failure of it ends the candidate."""
        return self.metric is not None and self.metric.critical

    @property
    def _dry(self) -> bool:
        return self.metric is not None and self.metric.dry_run

    def figure(self, value: str | None) -> str:
        """Return a figure of status in its unit."""
        if value is None:
            return "-"
        if self.metric is not None and (self.metric.error_rate is not None or self.metric.feedback is not None):
            return f"{float(value):.2f} %"
        if self.metric is not None and self.metric.latency is not None:
            return f"{float(value):.0f} ms"
        return f"{float(value):.6g}"

    @property
    def bound(self) -> str:
        """The bound, with its direction."""
        if self.found is None or self.found.bound is None:
            return "-"
        return f"{'≥' if self._at_least else '≤'} {self.figure(self.found.bound)}"

    @property
    def _at_least(self) -> bool:
        """The bound is a floor: only metrics of one's own have one."""
        metric = self.metric
        own = (metric.prometheus or metric.web or metric.job) if metric is not None else None
        if own is None or own.min is None or self.found is None or self.found.bound is None:
            return False
        return own.max is None or float(self.found.bound) == float(own.min)

    def sides(self) -> str:
        """Return both sides' numbers in one phrase: candidate, stable, bound, samples."""
        if self.found is None:
            return "no measurement yet"
        found = self.found
        parts = [
            f"candidate {self.figure(found.candidate)}" if found.candidate is not None else "",
            f"stable {self.figure(found.stable)}" if found.stable is not None else "",
            f"allowed {self.bound}" if found.bound is not None else "",
            f"{found.samples} requests{self._others(found)}" if found.samples else "",
            self._against_chance(found),
            f"{found.failures} failed measurements in a row" if found.failures > 1 else "",
        ]
        return ", ".join(part for part in parts if part) or "no figures"

    @staticmethod
    def _others(found: MetricStatus) -> str:
        return f" beside {found.stable_samples} of stable" if found.stable_samples else ""

    @staticmethod
    def _against_chance(found: MetricStatus) -> str:
        """Return how far the evidence of a comparison is: it fails when chance can no longer explain the difference.

        The goal of an A-B test has evidence of a gain too, and of none that is worth a change.
        """
        if found.evidence is None:
            return ""
        told = [f"evidence {_so_much(found.evidence.times, found.evidence.needed, 'fails')}"]
        gain, lack = found.evidence.gain, found.evidence.lack
        if gain is not None:
            told.append(f"of a gain {_so_much(gain.times, gain.needed, 'wins')}")
        if lack is not None:
            told.append(f"of less than {lack.smallest_gain} points {_so_much(lack.times, lack.needed, 'ends')}")
        return ", ".join(told)


def _so_much(times: str, needed: str, then: str) -> str:
    return f"{float(times):.3g} (it {then} at {float(needed):.3g})"


def measures(release: Release) -> list[Measure]:
    """Return the metrics in the order of the spec, then those that only status has; after a release, those measured."""
    found = {entry.metric: entry for entry in release.status.analysis}
    named = {metric.name: metric for metric in release.spec.analysis.metrics}
    force = release.station.metrics if release.station is not None else None
    listed = [Measure(name, spec, found.get(name), force is None or name in force) for name, spec in named.items()]
    listed += [Measure(name, None, entry, False) for name, entry in found.items() if name not in named]
    on_its_way = release.status.candidate is not None
    return [measure for measure in listed if on_its_way or measure.found is not None]
