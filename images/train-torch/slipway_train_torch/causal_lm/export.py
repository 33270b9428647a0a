"""What does a finished run leave behind?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from peft import PeftModel

from slipway.api.stages import StageData
from slipway.contract.job import Train
from slipway.contract.model import ADAPTER, ADAPTER_GGUF, CARD, HISTORY, MODEL_GGUF, ModelCard
from slipway_pod.errors import BadConfig
from slipway_train_torch.causal_lm.methods import Tuned
from slipway_train_torch.evaluate.files import complete
from slipway_train_torch.gguf import complete as whole_gguf
from slipway_train_torch.gguf import lora


def kind(job: Train) -> Literal["Adapter", "Model"]:
    """Return what the artefact of `job` is.

    llama.cpp knows no DoRA adapter: where GGUF is asked for, it is merged into the base, and the artefact is a Model.
    An adapter cannot bring new tokens: what has any is a Model.
    """
    recipe = job.recipe.causal_lm
    assert recipe is not None
    method = recipe.method
    merged = recipe.new_tokens is not None or (method == "DoRA" and "GGUF" in job.export)
    return "Model" if method == "Full" or merged else "Adapter"


def check(job: Train, config: Any, base: Path) -> None:
    """Raise BadConfig when the result could not be exported as `job` asks: before training, not after.

    `config` is the base model's, `base` the folder it lies in.
    """
    if "GGUF" not in job.export:
        return
    lora.architecture(config)
    if kind(job) == "Model" and complete(base, job.base_model.uri).gguf is None:
        assert job.recipe.causal_lm is not None
        new = job.recipe.causal_lm.new_tokens is not None
        raise BadConfig(
            "GGUFNotSupported",
            f"with method {job.recipe.causal_lm.method}{' and newTokens' if new else ''} the GGUF is a complete model, "
            f"made from the base model's, and {job.base_model.uri} has none: take GGUF out of spec.export, use a base "
            "model that is a GGUF file, "
            f"or method LoRA{' without newTokens' if new else ''}",
        )


def write(
    folder: Path,
    tuned: Tuned,
    tokenizer: Any,
    job: Train,
    base: Path,
    parameters: Mapping[str, str],
    history: Iterable[Mapping[str, Any]],
) -> Path:
    """Write the artefact of `job` (see slipway.contract.model) into `folder` and return it.

    The run is over then: an adapter that is merged is in the weights of `tuned` afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if kind(job) == "Adapter":
        assert tuned.adapter is not None
        _adapter(folder, tuned.adapter, job)
    else:
        _model(folder, tuned, tokenizer, job, base)
    lines = "".join(json.dumps(line) + "\n" for line in history)
    (folder / HISTORY).write_text(lines, encoding="utf-8")
    assert job.recipe.causal_lm is not None
    stages = zip(job.recipe.causal_lm.stages or (), job.stage_data, strict=True)
    card = ModelCard(
        model=job.model,
        kind=kind(job),
        base_digest=job.base_model.digest,
        dataset_digest=job.dataset.digest,
        stages=tuple(StageData(name=stage.name, dataset=data) for stage, data in stages),
        recipe=job.fingerprint(),
        parameters=dict(parameters),
    )
    (folder / CARD).write_text(card.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    return folder


def _adapter(folder: Path, adapter: PeftModel, job: Train) -> None:
    adapter.save_pretrained(str(folder / ADAPTER), safe_serialization=True, save_embedding_layers=False)
    # peft adds a form for a model card, full of "More Information Needed".
    (folder / ADAPTER / "README.md").unlink(missing_ok=True)
    if "GGUF" in job.export:
        lora.write(folder / ADAPTER, adapter.get_base_model().config, folder / ADAPTER_GGUF)


def _model(folder: Path, tuned: Tuned, tokenizer: Any, job: Train, base: Path) -> None:
    model: Any = tuned.model if tuned.adapter is None else tuned.adapter.merge_and_unload()
    model.config.use_cache = True  # off while training only
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    if "GGUF" in job.export:
        source = complete(base, job.base_model.uri).gguf
        assert source is not None, "checked before training"
        whole_gguf.write(source, model, folder / MODEL_GGUF, tuned.new_tokens)
