"""With which tokenizer are rows made tokens, once for all runs?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Rule
from slipway.api.common import ArtifactRef


class Render(Model):
    """Make tokens of the rows once, and keep them beside the rows with which of them are trained.

    A TrainingJob whose base model has this very tokenizer takes them as they are; others make their own.
    """

    rules = (
        Rule(
            "self.tokenizer.uri.endsWith('/')",
            "a tokenizer is read from a folder with a tokenizer.json: let uri end in / (a GGUF file has none)",
        ),
    )

    tokenizer: ArtifactRef = Field(
        description="tokenizer names the folder that holds it, mostly the base model's; of a model, nothing but the "
        "tokenizer's files are read. It must have been published with a manifest, as `python -m slipway_pod.push` does."
    )
    max_tokens: Annotated[int, Field(ge=16, le=1_048_576)] = Field(
        default=1024,
        description="maxTokens is the length by which the report tells how many rows a run will cut. Tokens are kept "
        "whole, so runs with another maxTokens take them too.",
    )
