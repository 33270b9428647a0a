"""How does a run that learns from pairs of answers differ from one that learns answers?"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import logsigmoid

from slipway.contract.job import Train
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm.batches import Row, tokens_in
from slipway_train_torch.causal_lm.dpo import pairs
from slipway_train_torch.causal_lm.dpo.logprobs import answer_logprobs
from slipway_train_torch.causal_lm.dpo.reference import Reference, reference
from slipway_train_torch.causal_lm.recipe import Recipe
from slipway_train_torch.causal_lm.sharding.divide import within
from slipway_train_torch.causal_lm.stages.plan import Place
from slipway_train_torch.report.journal import Journal

log = logging.getLogger("slipway")

MARGIN, ACCURACY = "rewardMargin", "rewardAccuracy"


class Preferences(Recipe):
    """Direct preference optimisation with the sigmoid loss, in nats per pair.

    A line of a batch is a pair of rows: the chosen answer and the rejected one. The reference is the model as the run
    (or the stage) finds it.
    """

    def __init__(self, job: Train, scratch: Path, stop: StopFlag, journal: Journal, place: Place | None = None) -> None:
        super().__init__(job, scratch, stop, journal, place)
        assert self.recipe.dpo is not None
        self.beta = float(self.recipe.dpo.beta)
        self.margins: list[float] = []
        """Of the pairs measured so far in the present measurement."""
        self.rewards: dict[str, float] = {}
        """What the last measurement found."""

    def load_data(self) -> None:
        """Read the pairs as tokens."""
        train, validation = pairs.load(self.scratch / "dataset", self.tokenizer, self.recipe.max_tokens)
        self.train_split, self.validation = train, validation  # type: ignore[assignment]
        self.rows, self.held_out = train.pairs, validation.pairs

    def begin(self) -> None:
        """Measure the reference, unless an earlier attempt has."""
        super().begin()
        self.reference = reference(self.job, self.mark, self.own, self.ranks, self.measure_reference)
        self.ranks.wait()

    def resume(self) -> None:
        """Go to the newest checkpoint, if there is one, with the rewards as they were last measured."""
        super().resume()
        newest = (line for line in reversed(self.state.history) if MARGIN in line)
        self.rewards = next(({name: line[name] for name in (MARGIN, ACCURACY)} for line in newest), {})

    def measure_reference(self) -> Reference:
        """Return how likely the model finds every answer before the first step."""
        self.report("Measuring the reference")
        self.model.eval()
        every = sorted((*self.rows, *self.held_out), key=lambda row: (tokens_in(row), row[0].id))
        lines = self.ranks.share(every)
        found: dict[str, tuple[float, float]] = {}
        with torch.no_grad():
            at = 0
            while at < len(lines):
                if self.ranks.alone:
                    self.go_on()

                def piece(at: int = at) -> tuple[Sequence[Row], list[list[float]]]:
                    taken = lines[at : at + self.ladder.layout.micro_batch]
                    return taken, self.logprobs(taken).tolist()

                taken, figures = self.ladder.do(piece, self.state.step)
                found |= {row[0].id: (chosen, rejected) for row, (chosen, rejected) in zip(taken, figures, strict=True)}
                at += len(taken)
            for _ in range(self.idle(every)):
                self.logprobs(every[:1])
        log.info("measured the reference on %d pairs", len(every))
        return self.ranks.merged(found)

    def logprobs(self, lines: Sequence[Row]) -> torch.Tensor:
        """Return the log probabilities [pairs, 2], in nats, of the chosen and the rejected answers of `lines`."""
        apart = [(example,) for row in lines for example in row]
        batch = self.batch_of(apart)
        with self.device.autocast():
            return within(self.model, lambda: answer_logprobs(self.model, self.head, batch)).view(-1, 2)

    def gained(self, lines: Sequence[Row]) -> torch.Tensor:
        """Return by how much [pairs] the chosen answer gained over the rejected one since the start, times beta."""
        before = torch.tensor([self.reference[row[0].id] for row in lines], device=self.device.torch)
        since = self.logprobs(lines) - before
        return self.beta * (since[:, 0] - since[:, 1])

    def share(self, lines: Sequence[Row]) -> int:
        """Return by what the summed loss of `lines` is divided: the pairs."""
        return len(lines)

    def loss(self, lines: Sequence[Row]) -> torch.Tensor:
        """Return the summed loss of the pairs `lines`."""
        return -logsigmoid(self.gained(lines)).sum()

    def evaluate(self) -> None:
        """Measure loss, margin and accuracy on the pairs of the validation split."""
        self.margins = []
        super().evaluate()
        log.info("step %d: reward margin %.4f, accuracy %.4f", self.state.step, *self.rewards.values())

    def measure(self, lines: Sequence[Row]) -> float:
        """Return the summed loss of as many of the first pairs as are measured together, and note their margins."""
        gained = self.gained(lines[: self.ladder.layout.micro_batch])
        self.margins += gained.tolist()
        return -logsigmoid(gained).sum().item()

    def figures(self) -> dict[str, float]:
        """Return mean margin, and the share of pairs whose chosen answer gained more than the rejected one."""
        count = len(self.held_out)
        gained = self.ranks.total(sum(self.margins))
        right = self.ranks.total(sum(margin > 0 for margin in self.margins))
        self.rewards = {MARGIN: gained / count, ACCURACY: right / count}
        return self.rewards

    def shown(self) -> dict[str, Any]:
        """Return what progress shows beside what every run has."""
        if not math.isfinite(self.rewards.get(MARGIN, math.nan)):
            return super().shown()
        return super().shown() | {"reward_margin": self.rewards[MARGIN], "reward_accuracy": self.rewards[ACCURACY]}

    def resolved(self) -> dict[str, str]:
        """Return every parameter that the run had, and the rewards of its result."""
        found = super().resolved() | {"dpoBeta": str(self.beta), "trainPairs": str(len(self.rows))}
        found.pop("dpo")
        step = self.published_step()
        line = next((line for line in self.state.history if MARGIN in line and line["step"] == step), None)
        return found if line is None else found | {name: f"{line[name]:.6g}" for name in (MARGIN, ACCURACY)}

    def published_step(self) -> int:
        """Return the step whose weights are the result."""
        chosen = self.best.choose(self.measured, self.state.step, self.parameters)
        return self.state.step if chosen is None else chosen.step
