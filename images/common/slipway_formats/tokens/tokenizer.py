"""How is a model's tokenizer used without the model's library?

It is read from the files that transformers reads it from, and asked by the same names. Some models' classes change
there what the files say; who takes tokens of ours compares some with its own first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors

from slipway.contract.tokens import SETTINGS, SPECIAL, TEMPLATE, VOCABULARY
from slipway_formats.tokens.template import ChatTemplate, TemplateFault

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""Tokens that have a name, which templates may use."""


class TokenizerFault(ValueError):
    """The files are no tokenizer; the message says which one, and why."""


class FolderTokenizer:
    """The tokenizer whose files lie in a folder. Raises TokenizerFault where they are none."""

    def __init__(self, folder: Path) -> None:
        settings = _settings(folder / SETTINGS)
        try:
            self._backend = Tokenizer.from_file(str(folder / VOCABULARY))
        except Exception as error:  # the library raises nothing more precise
            raise TokenizerFault(f"{VOCABULARY} cannot be read: {str(error)[:200]}") from error
        self._backend.no_padding()
        self._backend.no_truncation()
        named = _named(_settings(folder / SPECIAL)) | _named(settings)
        self.eos_token_id: int | None = self._number(named.get("eos_token"))
        self._surround(settings, named)
        source = _template(folder / TEMPLATE, settings)
        try:
            self._template = None if source is None else ChatTemplate(source, named)
        except TemplateFault as error:
            raise TokenizerFault(str(error)) from error

    @property
    def chats(self) -> bool:
        """Tell whether it can write conversations."""
        return self._template is not None

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return int(self._backend.get_vocab_size(with_added_tokens=True))

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """Return the tokens of a text as `input_ids`, by default with what the model wants around them."""
        return {"input_ids": self._backend.encode(text, add_special_tokens=add_special_tokens).ids}

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, add_generation_prompt: bool = False
    ) -> dict[str, list[int]]:
        """Return a conversation's tokens as `input_ids`; raise TemplateFault where the template does not take it."""
        if self._template is None:
            raise TemplateFault("there is no chat template")
        text = self._template(conversation, add_generation_prompt=add_generation_prompt)
        return self(text, add_special_tokens=False)  # the template wrote them

    def _number(self, token: str | None) -> int | None:
        found: int | None = None if token is None else self._backend.token_to_id(token)
        return found

    def _surround(self, settings: dict[str, Any], named: dict[str, str]) -> None:
        """Set what stands around a text, where the settings, rather than the vocabulary's file, say it."""
        if not {"add_bos_token", "add_eos_token"} & settings.keys() and self._backend.post_processor is not None:
            return
        before, after = (self._asked_for(name, settings, named) for name in ("bos_token", "eos_token"))
        parts = [*(f"{token}:0" for token, _ in before), "$A:0", *(f"{token}:0" for token, _ in after)]
        try:
            self._backend.post_processor = processors.TemplateProcessing(
                single=" ".join(parts), special_tokens=[*before, *after]
            )
        except ValueError as error:
            raise TokenizerFault(f"{SETTINGS} names tokens that cannot stand around a text: {error}") from error

    def _asked_for(self, name: str, settings: dict[str, Any], named: dict[str, str]) -> list[tuple[str, int]]:
        """Return the token `name` with its number, where the settings want it around texts."""
        token = named.get(name)
        number = self._number(token)
        return [(token, number)] if settings.get(f"add_{name}") and token and number is not None else []


def _settings(path: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TokenizerFault(f"{path.name} is no JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise TokenizerFault(f"{path.name} is no JSON object")
    return found


def _named(settings: dict[str, Any]) -> dict[str, str]:
    """Return the named tokens; each is written as a text, or as an object with its content."""
    found = ((name, settings.get(name)) for name in NAMED)
    texts = ((name, said.get("content") if isinstance(said, dict) else said) for name, said in found)
    return {name: text for name, text in texts if isinstance(text, str)}


def _template(path: Path, settings: dict[str, Any]) -> str | None:
    """Return the source of the chat template: a file of its own comes before the settings; of several, the default."""
    if path.is_file():
        return path.read_text(encoding="utf-8")
    said = settings.get("chat_template")
    if isinstance(said, list):
        said = next(
            (one.get("template") for one in said if isinstance(one, dict) and one.get("name") == "default"), None
        )
    return said if isinstance(said, str) else None
