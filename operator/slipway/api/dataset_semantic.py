"""How does a step tell which rows mean nearly the same?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.model_api import ModelApi


class Semantic(ModelApi):
    """A model that embeds texts, behind an embeddings API, as OpenAI, vLLM, llama.cpp and others have it.

    Each embedding is kept in the object store and never asked for again: not by a pod that goes on after another, and
    not by the next preparation.
    """

    similarity_percent: Annotated[int, Field(ge=50, le=100)] = Field(
        default=95,
        description="similarityPercent is the cosine of two embeddings, in percent, from which their rows are called "
        "alike. Models differ in what they call similar: look at the pairs in the report.",
    )
    dimensions: Annotated[int, Field(ge=1, le=8192)] | None = Field(
        default=None,
        description="dimensions asks for embeddings of so many numbers, of models that can shorten them; absent takes "
        "what the model gives.",
    )
    batch_size: Annotated[int, Field(ge=1, le=2048)] = Field(
        default=64, description="batchSize is how many texts one request may hold."
    )
    max_texts: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=20_000,
        description="maxTexts is the number of different texts that this step may need embeddings of, those that have "
        "them already included; with more, the Dataset fails and keeps the embeddings it has. Every row is compared "
        "with all that were kept before, so time grows with the square of it.",
    )
