"""How do new tokens get embeddings, and how are these trained while all others stay as they are?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken

from slipway.api.vocabulary import NewTokens
from slipway_pod.errors import BadConfig, BadData, shortened
from slipway_train_torch.causal_lm.loss import head_weight
from slipway_train_torch.causal_lm.methods import Tuned
from slipway_train_torch.causal_lm.sharding.parts import divided, own
from slipway_train_torch.causal_lm.vocabulary.learn import learned
from slipway_train_torch.evaluate.items import read

log = logging.getLogger("slipway")

SHOWN = 600


@dataclass(frozen=True)
class Vocabulary:
    """What was added to a base model's tokens; nothing, for most runs."""

    tokens: Mapping[int, str] = field(default_factory=dict)
    """By number."""
    held: list[torch.nn.Parameter] = field(default_factory=list)
    """Embeddings of which only the rows of new tokens are trained."""
    which: list[int] = field(default_factory=list)
    """The places of `held` in what `weights` yields."""

    def trained(self, tuned: Tuned) -> Tuned:
        """Return `tuned`, in which the embeddings of the new tokens are trained too, in float32.

        `hold` clears the gradient of all other rows: they keep their bits, for AdamW moves nothing without a gradient.
        Where the method trains all embeddings anyway, nothing changes.
        """
        if not self.tokens:
            return tuned
        for at, weight in enumerate(weights(tuned.model)):
            if weight.requires_grad:
                continue
            weight.data = weight.data.float()
            weight.requires_grad_(True)
            self.held.append(weight)
            self.which.append(at)
        return replace(tuned, new_tokens=self.tokens)

    def look_again(self, model: Any) -> None:
        """Take note that the parameters of `model` are other objects, now that it is divided among processes."""
        found = list(weights(model))
        self.held[:] = [found[at] for at in self.which]

    def hold(self) -> None:
        """Clear the gradients of all rows but those of new tokens, where only these are trained."""
        for weight in self.held:
            if weight.grad is not None:
                new = torch.zeros((len(weight), 1))
                new[list(self.tokens)] = 1
                own(weight.grad).mul_(own(divided(new, weight.grad[:, :1])))

    def groups(self, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return parameter groups in which no weight decay moves the embeddings that shall stay."""
        held = {id(weight) for weight in self.held}
        made: list[dict[str, Any]] = []
        for group in groups:
            free = [p for p in group["params"] if id(p) not in held]
            bound = [p for p in group["params"] if id(p) in held]
            made += [{**group, "params": free}] if free else []
            made += [{**group, "params": bound, "weight_decay": 0.0}] if bound else []
        return made

    def parameters(self) -> dict[str, str]:
        """Return what the lineage says of it."""
        if not self.tokens:
            return {}
        said = ", ".join(self.tokens.values())
        return {"newTokens": shortened(f"{len(self.tokens)}: {said}", 500)}


def extended(model: Any, tokenizer: Any, wanted: NewTokens | None, dataset: Path) -> Vocabulary:
    """Give `model` and `tokenizer` the tokens `wanted`, in place, and return what was added.

    Each new token's rows, in embeddings and output layer, begin as the mean of those of the pieces that spelt it.
    Raises BadConfig for a token that is there already, BadData when the train split below `dataset` has none to learn.
    """
    if wanted is None:
        return Vocabulary()
    found = list(dict.fromkeys(_wanted(wanted, tokenizer, dataset)))
    pieces = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in found]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in found])
    numbers = tokenizer.convert_tokens_to_ids(found)
    rows = model.get_input_embeddings().num_embeddings
    if max(numbers) >= rows:
        model.resize_token_embeddings(max(numbers) + 1, mean_resizing=False)
    with torch.no_grad():
        for weight in weights(model):
            # Numbers in between, which the tokenizer had without the model: no chance may decide what they are.
            weight[rows:] = weight[:rows].float().mean(0)
            for number, spelt in zip(numbers, pieces, strict=True):
                weight[number] = weight[spelt].float().mean(0)
    # What the model's new rows were made as is not to be trained by accident: the method decides.
    model.requires_grad_(False)
    log.info("%d new tokens: %s", len(found), shortened(", ".join(found), SHOWN))
    return Vocabulary(dict(zip(numbers, found, strict=True)))


def weights(model: Any) -> Iterator[Any]:
    """Yield the weights [vocabulary, width] of embeddings and output layer; one, where they are the same."""
    embeddings, output = model.get_input_embeddings().weight, head_weight(model)
    yield embeddings
    if output is not embeddings:
        yield output


def misfit(model: Any, tokenizer: Any) -> str | None:
    """Return why the tokens of `tokenizer` cannot be those of `model`, for people; None when they can."""
    largest, rows = max(tokenizer.get_vocab().values(), default=-1), model.get_input_embeddings().num_embeddings
    if largest < rows:
        return None
    return f"the tokenizer numbers its tokens up to {largest}, and the model has embeddings for {rows}"


def _wanted(wanted: NewTokens, tokenizer: Any, dataset: Path) -> Iterator[str]:
    for text in wanted.listed or ():
        if len(tokenizer(text, add_special_tokens=False)["input_ids"]) < 2:
            raise BadConfig(
                "TokenKnown",
                f"the base model has a token for {text!r} already: remove it from recipe.causalLM.newTokens.listed",
            )
        yield text
    if wanted.learned is None:
        return
    items = tuple(read(dataset, "train"))
    texts = [item.prompt + item.completion for item in items if not item.chat]
    texts += [content for item in items for _, content in item.messages]
    found = learned(texts, tokenizer, wanted.learned)
    if not found:
        raise BadData(
            "NoTokensLearned",
            f"no word of the train split stands there {wanted.learned.min_occurrences} times and is spelt in pieces: "
            "lower recipe.causalLM.newTokens.learned.minOccurrences, or list the tokens",
        )
    yield from found
