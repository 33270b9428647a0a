"""Does the example's own base model, quantised as it comes, learn real graphs, and does its artefact serve?"""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from slipway.contract.job import Store
from slipway.contract.model import ADAPTER_GGUF, CARD, ModelCard
from slipway.contract.result import Trained
from slipway_pod.artifact import publish_at
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm import saving
from slipway_train_torch.causal_lm.stops import PATIENCE
from tests.train.conftest import SmolLM2, reference, write_dataset
from tests.train.runs import Bench


def made(smollm2: SmolLM2, graphs: list[dict[str, object]], folder: Path) -> Bench:
    """Return a store with SmolLM2 and the graphs."""
    (folder / "store" / "slipway").mkdir(parents=True)
    store = Store(endpoint=f"file://{folder / 'store'}", bucket="slipway")
    # Split by file, as a Dataset does: nothing in validation has a sibling in train.
    groups = sorted({str(row["group"]) for row in graphs})
    held_out = [row for row in graphs if row["group"] in groups[::3]]
    splits = {"train": [row for row in graphs if row not in held_out], "validation": held_out[:4]}
    dataset = publish_at(write_dataset(folder / "dataset", splits), "s3://slipway/datasets/graphs/", store)
    base = publish_at(smollm2.file, "s3://slipway/models/smollm2/", store)
    return Bench(store, reference(dataset), reference(base), folder)


def test_held_out_loss_falls_and_the_artefact_is_whole(
    smollm2: SmolLM2, graphs: list[dict[str, object]], tmp_path: Path
) -> None:
    bench = made(smollm2, graphs, tmp_path)
    job = bench.job(rank=16, max_steps=6, epochs=10, batch_size=2, max_tokens=320, learning_rate="2e-3")
    run = bench.recipe(job.model_copy(update={"export": ("SafeTensors", "GGUF")}))

    run.setup()
    run.evaluate()
    before = run.state.validation_loss
    run.train()
    result = saving.publish(run)

    after = run.state.validation_loss
    assert before is not None
    assert after is not None
    assert after < before - 0.3
    assert isinstance(result, Trained)
    folder = bench.artefact(result.artifact)
    assert result.formats == ("SafeTensors", "GGUF")
    assert len(gguf.GGUFReader(folder / ADAPTER_GGUF).tensors) == 420
    card = ModelCard.model_validate_json((folder / CARD).read_bytes())
    assert (card.base_digest, card.dataset_digest) == (job.base_model.digest, job.dataset.digest)
    assert card.parameters["alpha"] == "32"
    # Nothing of this machine is in what others will read.
    text = (folder / "adapter" / "adapter_config.json").read_text() + (folder / CARD).read_text()
    assert str(tmp_path) not in text
    assert str(smollm2.folder) not in text


def test_a_ruinous_learning_rate_ends_early(smollm2: SmolLM2, graphs: list[dict[str, object]], tmp_path: Path) -> None:
    bench = made(smollm2, graphs, tmp_path)
    recipe = bench.recipe(
        bench.job(rank=16, max_steps=100, epochs=100, batch_size=2, warmup_percent=0, learning_rate="10")
    )
    with pytest.raises(BadConfig, match=r"lower recipe.causalLM.learningRate") as caught:
        recipe.run()
    assert caught.value.reason in ("GradientExploded", "Diverged")
    assert recipe.state.step <= PATIENCE + 1
    assert caught.value.example, "the rows of the batch"
