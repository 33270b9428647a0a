"""How does a model want a conversation to be written? Its chat template says it, rendered as transformers does.

Templates come with models, from strangers: they run in Jinja's sandbox, and see texts only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TemplateFault(ValueError):
    """The template cannot be used, or does not take a conversation; the message quotes nothing of it."""


class _Generation(Extension):
    """`{% generation %}`, by which templates mark what a model says. What is trained is told otherwise here."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        return caller()


class _Namespace(jinja2.utils.Namespace):
    """A namespace that takes no names by which a template could leave it."""

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        made = dict(*args, **kwargs)
        for name in made:
            _check(name)
        super().__init__(made)

    def __setitem__(self, name: str, value: Any) -> None:
        _check(name)
        super().__setitem__(name, value)


class _Dict:
    """What templates may call dict, and no class that they could look into."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class ChatTemplate:
    """The template of a model. `special` are its named tokens, such as bos_token, which templates ask for by name."""

    def __init__(self, source: str, special: Mapping[str, str]) -> None:
        self._source, self._special = source, special
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _json
        environment.globals |= {
            "raise_exception": _refuse,
            "strftime_now": _no_date,
            "dict": _Dict(),
            "namespace": _Namespace,
        }
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateFault(f"line {error.lineno} of the chat template is no Jinja: {error.message}") from error

    def __call__(self, conversation: list[dict[str, str]], *, add_generation_prompt: bool = False) -> str:
        """Return `conversation` as text, with how an answer begins where that is asked for."""
        shown = [dict(message) for message in conversation]
        try:
            return self._template.render(
                messages=shown,
                tools=None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **self._special,
            )
        except TemplateFault:
            raise
        except Exception as error:  # a template may fail in any way that Python can
            raise TemplateFault(self._words(error)) from error

    def _words(self, error: Exception) -> str:
        """Return what went wrong. Only words that stand in the template itself are quoted: others may be data."""
        said = str(error)
        quoted = isinstance(error, jinja2.TemplateError) and said and said in self._source
        return f"the chat template says: {said}" if quoted else f"the chat template ended with {type(error).__name__}"


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _no_date(format: str) -> str:
    raise TemplateFault("the chat template writes today's date, which would make other tokens of equal rows each day")


def _json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """Return JSON; Jinja's own filter would escape what is markup in HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _check(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError("a namespace takes no names that begin with _")
