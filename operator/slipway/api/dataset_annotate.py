"""How does a step write new text into rows?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Model, Rule, bounded
from slipway.api.model_api import ModelApi


class LanguageModel(ModelApi):
    """A language model behind a chat completions API, as OpenAI, vLLM, llama.cpp and others have it.

    Each answer is kept in the object store and never asked for again: not by a pod that goes on after another, and not
    by the next preparation.
    """

    instruction: Annotated[str, bounded(8192)] = Field(
        description="instruction says what to write. The model sees the row beside it, as data: prompt, answer and, in "
        "a Chat, system."
    )
    max_calls: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=1000,
        description="maxCalls is the number of different questions that this step may need, those that are answered "
        "already included; with more, the Dataset fails and keeps the answers it has.",
    )
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = Field(
        default=512, description="maxTokens of an answer; a row whose answer is cut by it is rejected."
    )


class Annotate(Model):
    """Write a part of every row anew, from a template or by a language model.

    What rows hold is data on both ways: it is never run as a template, and what a model answers goes into the one part
    named here and nowhere else.
    """

    rules = (Rule("has(self.template) != has(self.languageModel)", "set template or languageModel, one of them"),)

    write: Literal["Prompt", "Answer", "System"] = Field(
        description="write names the part: the Prompt (in a conversation, the last message by user), the Answer (the "
        "last by assistant), or the System message, which is added where there is none."
    )
    template: Annotated[str, bounded(16_384)] | None = Field(
        default=None,
        description="template of the text, in Jinja's sandbox, with the variables prompt, answer, system, id, path and "
        "project.",
    )
    language_model: LanguageModel | None = Field(
        default=None, description="languageModel asks a language model for the text."
    )
    max_characters: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=20_000, description="maxCharacters of the text; a row for which there is more is rejected."
    )


class Augment(Annotate):
    """Add rows to those there are: copies of a row, of which a part is written anew.

    They stay in the split of the row that they were made from, and only those to train on are kept: nothing is judged
    by what was made up.
    """

    variants: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1,
        description="variants is how many rows are made of each. A template tells them apart by its variable variant, "
        "from 1; a language model is told the number.",
    )
