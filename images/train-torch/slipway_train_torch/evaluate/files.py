"""Which files of a model serve, and where do they lie on this machine?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipway.api.common import ArtifactRef
from slipway.contract.job import Store, Subject
from slipway.contract.model import ADAPTER, ADAPTER_GGUF, MODEL_GGUF
from slipway_pod.artifact import fetch
from slipway_pod.errors import BadData

ADAPTER_TENSORS = "adapter_model.safetensors"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True)
class Weights:
    """Complete weights: one GGUF file, or else a folder that transformers reads."""

    gguf: Path | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Served:
    """A model as it will serve: complete weights, and at most one adapter on them."""

    name: str
    weights: Weights
    adapter_gguf: Path | None = None
    adapter_folder: Path | None = None

    def engine_files(self) -> tuple[Path, Path | None]:
        """Return the GGUF of the weights and of the adapter; raise BadData where llama.cpp has nothing to serve."""
        if self.weights.gguf is None:
            raise BadData(
                "NoGGUF", f"{self.name}: its complete weights have no GGUF file, and llama.cpp serves GGUF only"
            )
        if self.adapter_folder is not None and self.adapter_gguf is None:
            raise BadData("NoGGUF", f"{self.name}: no {ADAPTER_GGUF}: add GGUF to the export of its TrainingJob")
        return self.weights.gguf, self.adapter_gguf


def bring(subject: Subject, folder: Path, store: Store) -> Served:
    """Fetch `subject` and its base below `folder`, every byte checked, and return where its pieces lie."""
    own = _fetched(subject.artifact, folder, store)
    if subject.kind == "Base":
        return Served(subject.name, complete(own, subject.name))
    if subject.kind == "Model":
        weights = complete(own, subject.name)
        if "GGUF" in subject.formats and weights.gguf is None:
            _there(own / MODEL_GGUF, subject)
        return Served(subject.name, weights)
    if subject.base_model is None:
        raise BadData("NoBaseModel", f"{subject.name} is an adapter without a base model: set spec.baseModel")
    weights = complete(_fetched(subject.base_model, folder, store), f"the base model of {subject.name}")
    # What serves is judged: the GGUF where there is one, also by the loss.
    if "GGUF" in subject.formats:
        return Served(subject.name, weights, adapter_gguf=_there(own / ADAPTER_GGUF, subject))
    return Served(subject.name, weights, adapter_folder=_there(own / ADAPTER / ADAPTER_TENSORS, subject).parent)


def complete(folder: Path, name: str) -> Weights:
    """Return the complete weights in `folder`; raise BadData when there are none, or more than one choice."""
    ggufs = sorted(path for path in folder.rglob("*.gguf") if path.name != ADAPTER_GGUF)
    if len(ggufs) > 1:
        raise BadData("ManyGGUF", f"{name} has {len(ggufs)} GGUF files ({ggufs[0].name}, …): keep the one that serves")
    configs = folder / "config.json"
    if not ggufs and not configs.is_file():
        raise BadData("NoWeights", f"{name} has neither a GGUF file nor config.json with safetensors")
    if not ggufs and not any(folder.glob("*.safetensors")) and (pickled := _pickled(folder)):
        raise BadData(
            "PickleRefused",
            f"{name} has its weights as pickle ({pickled[0]}), which runs what it holds when it is read: save the "
            "model as safetensors (save_pretrained of transformers does), and upload that",
        )
    return Weights(ggufs[0] if ggufs else None, folder if configs.is_file() else None)


def _pickled(folder: Path) -> list[str]:
    return sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))


def _fetched(ref: ArtifactRef, folder: Path, store: Store) -> Path:
    target = folder / ref.digest.removeprefix("sha256:")
    if not target.exists():
        fetch(ref, target, store)
    return target


def _there(path: Path, subject: Subject) -> Path:
    if not path.exists():
        raise BadData(
            "FormatMissing",
            f"{subject.name}: spec.artifact.formats promises {', '.join(subject.formats)}, "
            f"but the artefact has no {path.name}",
        )
    return path
