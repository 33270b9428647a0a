"""What has to be there before an example can run: cluster, images, what its collectors bring, values for the chart?"""

from __future__ import annotations

import json
from collections.abc import Mapping

from e2e.cluster.base import Cluster
from e2e.demo.prepare import collect, values
from e2e.example.cast import Example
from e2e.setup.progress import Steps


def prepare(cluster: Cluster, example: Example) -> Mapping[str, str]:
    """Bring everything up that takes long and is made once; later calls find it done. Return the images by name."""
    steps = Steps(3)
    example.out.mkdir(parents=True, exist_ok=True)
    with steps.step(f"a cluster ({cluster.provider})"):
        cluster.up()
    with steps.step("images, built where their sources changed"):
        images = cluster.images()
    with steps.step(f"what the example needs: {', '.join(example.brought)}"):
        for name, part in example.brought.items():
            collect(part, example.out / name)
    written = values(images, cluster.prometheus_url, example.namespace)
    (example.out / "values.yaml").write_text(json.dumps(written, indent=2) + "\n")
    return images
