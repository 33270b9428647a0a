"""What does each pipeline make of the text, and what does it take?"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.preparing import kept, numbered
from bench.preparing.plan import Plan, Run
from bench.preparing.text import Text
from bench.preparing.watched import watched
from e2e.setup.engines import python_with_daft, python_with_ray_data

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = tuple(REPOSITORY / part for part in ("operator", "images/common", "images/data"))
ENGINES: Mapping[str, Callable[[], Path]] = {"ray": python_with_ray_data, "daft": python_with_daft}
"""Other engines that are measured where they are asked for, each with what tells the Python that has it."""

RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
}
"""Ray waits half a minute for its own processes, which is too little where the machine does more."""


@dataclass(frozen=True)
class Side:
    """What one pipeline reached: the median of its runs."""

    rows_per_s: float
    peak_mib: float
    cpu_seconds: float

    @classmethod
    def of(cls, runs: Sequence[Run], rows: int) -> Side:
        """Return the medians of runs over `rows` rows."""
        return cls(
            median(rows / run.seconds for run in runs),
            median(run.peak_mib for run in runs),
            median(run.cpu_seconds for run in runs),
        )

    def json(self) -> dict[str, float]:
        """Return the figures under the keys that are published."""
        return {
            "rows_per_s": round(self.rows_per_s, 1),
            "peak_mib": round(self.peak_mib),
            "cpu_seconds": round(self.cpu_seconds, 1),
        }


@dataclass(frozen=True)
class Bench:
    """Where everything is that a run needs."""

    plan: Plan
    datatrove: Path
    """The Python that has it."""
    out: Path
    """For what is read and written; gone at the end."""

    def slipway(self, of: Text) -> tuple[Run, set[str]]:
        """Run the data pod once; return what it took, and the ids of the rows that it kept."""
        store = self._empty("store")
        shutil.copytree(of.folder, store / "slipway" / "raw", ignore=shutil.ignore_patterns(".*"))
        run, folder = self._run(Path(sys.executable), "slipway_side", store)
        return run, set(kept.parquet_ids(folder))

    def peer(self, of: Text, setting: str) -> tuple[Run, set[str]]:
        """Run datatrove once, in the same way."""
        out = self._empty("peer")
        shutil.copytree(of.folder, out / "raw", ignore=shutil.ignore_patterns(".*"))
        run, folder = self._run(self.datatrove, "datatrove_side", out / "raw", out, setting)
        return run, set(kept.jsonl_ids(folder))

    def engine(self, of: Text, name: str) -> tuple[Run, set[str]]:
        """Run one of ENGINES once, in the same way."""
        out = self._empty("engine")
        numbered.write(of, out / "raw")
        run, folder = self._run(ENGINES[name](), f"{name}_side", out / "raw", out)
        return run, set(kept.parquet_ids(folder))

    def _empty(self, name: str) -> Path:
        shutil.rmtree(self.out / name, ignore_errors=True)
        (self.out / name).mkdir()
        return self.out / name

    def _run(self, python: Path, program: str, *arguments: str | Path) -> tuple[Run, Path]:
        plan = self.plan.write(self.out / "plan.json")
        command = [python, "-m", f"bench.preparing.{program}", plan, *arguments]
        answer, used = watched(command, self._environment(), REPOSITORY)
        return Run(answer["seconds"], used.peak_mib, used.cpu_seconds), Path(answer["folder"])

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(map(str, (REPOSITORY, *PACKAGES)))
        # As a pod is told it; the peer's workers do no linear algebra.
        told = {"PYTHONPATH": path, "OMP_NUM_THREADS": str(self.plan.workers), "TMPDIR": str(self.out)}
        return {**os.environ, **RAY, **told}
