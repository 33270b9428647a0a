"""Is there room on two cores for a training run beside what serves? A pod that never fits ends no story."""

import re
from pathlib import Path

import yaml

from e2e.cluster import addons
from e2e.cluster.embedded import components
from e2e.demo.cast import EXAMPLE, REPOSITORY
from slipway.rollout import pod

CORES = 2000
MANIFESTS = [addons.MANIFESTS, Path(components.__file__).parent / "manifests"]
VALUES = yaml.safe_load((REPOSITORY / "charts" / "slipway" / "values.yaml").read_text())
REQUEST = re.compile(r"requests: \{[^}]*\bcpu: (\w+)")


def millicores(quantity: str) -> int:
    return int(quantity.removesuffix("m")) if quantity.endswith("m") else int(quantity) * 1000


def spec(name: str) -> dict:
    return yaml.safe_load((EXAMPLE / name).read_text())["spec"]


def test_a_training_run_fits_beside_what_serves() -> None:
    files = [file.read_text() for folder in MANIFESTS for file in folder.glob("*.yaml")]
    cluster = sum(millicores(found) for text in files for found in REQUEST.findall(text))
    operator = VALUES["operator"]["replicas"] * millicores(VALUES["operator"]["resources"]["requests"]["cpu"])
    store = millicores(VALUES["objectStore"]["embedded"]["resources"]["requests"]["cpu"])
    serving = spec("rollout-v1.yaml")["serving"]
    proxy = millicores(re.findall(r'"requests": \{"cpu": "(\w+)"', Path(pod.__file__).read_text())[0])
    served = serving["replicas"] * (millicores(serving["resources"]["cpu"]) + proxy)
    trained = millicores(spec("training-v2.yaml")["resources"]["cpu"])
    assert cluster > 0
    assert cluster + operator + store + served + trained <= CORES
