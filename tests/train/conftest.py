"""What do the trainers' tests share: a tiny model, real graphs, a store in a folder?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from e2e.setup import cache
from slipway.api.common import ArtifactRef, ArtifactStatus
from slipway.api.dataset import Rows
from slipway.contract.dataset import CARD, DatasetCard
from slipway.contract.job import Store
from slipway_data.raw import RawFile
from slipway_data.read_t3d import read
from slipway_data.rows import Parsed
from slipway_pod.artifact import publish_at
from tests.train.runs import Bench

GRAPHS = Path(__file__).parents[1] / "data" / "t3d"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Two threads on a busy machine wait for each other most of the time."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def graphs() -> list[dict[str, object]]:
    """Rows made of real Unreal graphs, short enough to train on."""
    found: list[dict[str, object]] = []
    for path in sorted(GRAPHS.glob("*.t3d")):
        file = RawFile(path.name, lambda path=path: iter([path.read_bytes()]))
        for made in read(file, "Chat"):
            if isinstance(made, Parsed) and len(made.content.text) < 2500:
                found.append({"id": made.id, "group": path.name, **made.content.dump()})
    assert len(found) >= 8
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, graphs: list[dict[str, object]]) -> Path:
    """A Llama of two layers with random weights, and a byte-level tokenizer made of the graphs."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([m["content"] for row in graphs for m in row["messages"]], trainer)  # type: ignore[attr-defined]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>", chat_template=CHAT_TEMPLATE
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_dataset(folder: Path, splits: dict[str, list[dict[str, object]]], schema: str = "Chat") -> Path:
    """Write a prepared dataset as slipway.contract.dataset has it."""
    for name, rows in splits.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / name / "00000.parquet")
    counts = Rows(**{name: len(rows) for name, rows in splits.items()})
    card = DatasetCard(schema_=schema, rows=counts, recipe="sha256:" + "0" * 64)
    (folder / CARD).write_text(card.model_dump_json(by_alias=True))
    return folder


@pytest.fixture
def bench(tmp_path: Path, tiny: Path, graphs: list[dict[str, object]]) -> Bench:
    """A store with the tiny base and the graphs, and the jobs that train one on the other."""
    (tmp_path / "store" / "slipway").mkdir(parents=True)
    store = Store(endpoint=f"file://{tmp_path / 'store'}", bucket="slipway")
    folder = write_dataset(tmp_path / "dataset", {"train": graphs[2:], "validation": graphs[:2]})
    dataset = publish_at(folder, "s3://slipway/datasets/graphs/", store)
    base = publish_at(tiny, "s3://slipway/models/tiny/", store)
    return Bench(store, reference(dataset), reference(base), tmp_path)


def reference(status: ArtifactStatus) -> ArtifactRef:
    """Return what names a published artefact."""
    return ArtifactRef(uri=status.uri, digest=status.digest)


@dataclass(frozen=True)
class SmolLM2:
    """The example's base model: SmolLM2-135M-Instruct, quantised, in one GGUF file alone in its folder."""

    folder: Path
    file: Path


@pytest.fixture(scope="session")
def smollm2() -> SmolLM2:
    """The real base model, where `make` has put it."""
    file = cache.root() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not file.is_file():
        pytest.skip(f"{file} is not there: `make test-train` brings it")
    return SmolLM2(file.parent, file)
