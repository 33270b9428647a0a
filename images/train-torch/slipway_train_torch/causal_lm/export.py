"""What does a finished run leave behind?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from peft import PeftModel

from slipway.contract.job import Train
from slipway.contract.model import ADAPTER, ADAPTER_GGUF, CARD, HISTORY, ModelCard
from slipway_train_torch.gguf.lora import write as write_gguf


def write(
    folder: Path, model: PeftModel, job: Train, parameters: Mapping[str, str], history: Iterable[Mapping[str, Any]]
) -> Path:
    """Write the artefact of `job` (see slipway.contract.model) into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(folder / ADAPTER), safe_serialization=True, save_embedding_layers=False)
    # peft adds a form for a model card, full of "More Information Needed".
    (folder / ADAPTER / "README.md").unlink(missing_ok=True)
    if "GGUF" in job.export:
        write_gguf(folder / ADAPTER, model.get_base_model().config, folder / ADAPTER_GGUF)
    lines = "".join(json.dumps(line) + "\n" for line in history)
    (folder / HISTORY).write_text(lines, encoding="utf-8")
    card = ModelCard(
        model=job.model,
        kind="Adapter",
        base_digest=job.base_model.digest,
        dataset_digest=job.dataset.digest,
        recipe=job.fingerprint(),
        parameters=dict(parameters),
    )
    (folder / CARD).write_text(card.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    return folder
