"""How does one run of the recipe causalLM go, from its job to its last step? `saving.py` saves and publishes it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from slipway.api.causal_lm import CausalLM
from slipway.api.common import ArtifactRef
from slipway.contract.dataset import EXPORTS
from slipway.contract.job import Train
from slipway.contract.result import Preempted, Rung, Trained
from slipway.contract.training_report import Outcome
from slipway_pod.artifact import fetch
from slipway_pod.errors import BadData
from slipway_pod.progress import Reporter
from slipway_pod.seal import Seal
from slipway_pod.stop import StopFlag
from slipway_train_torch.causal_lm import (
    base,
    batches,
    data,
    device,
    early,
    export,
    faster,
    flat,
    methods,
    saving,
    telling,
    vocabulary,
)
from slipway_train_torch.causal_lm.batches import Row
from slipway_train_torch.causal_lm.checkpoint import Checkpoints, State, mark
from slipway_train_torch.causal_lm.four_bits import numel
from slipway_train_torch.causal_lm.grace import Grace
from slipway_train_torch.causal_lm.ladder import Ladder
from slipway_train_torch.causal_lm.layers import Layers
from slipway_train_torch.causal_lm.layout import Layout
from slipway_train_torch.causal_lm.loss import head_weight, summed_loss
from slipway_train_torch.causal_lm.memory.choose import Wanted, choose
from slipway_train_torch.causal_lm.memory.lengths import lines_of
from slipway_train_torch.causal_lm.memory.room import at_start as room_at_start
from slipway_train_torch.causal_lm.memory.shape import shape
from slipway_train_torch.causal_lm.memory.watch import Watch
from slipway_train_torch.causal_lm.noise import Noise
from slipway_train_torch.causal_lm.pace import Lap, Pace, memory_bytes
from slipway_train_torch.causal_lm.processes import ranks
from slipway_train_torch.causal_lm.schedule import factor
from slipway_train_torch.causal_lm.sharding import passes
from slipway_train_torch.causal_lm.sharding.divide import divide, mesh, within
from slipway_train_torch.causal_lm.sharding.parts import whole
from slipway_train_torch.causal_lm.sharding.turns import turn
from slipway_train_torch.causal_lm.stages.plan import Passed, Place
from slipway_train_torch.causal_lm.stops import PATIENCE, Limits, Step, require_targets
from slipway_train_torch.causal_lm.unfinished import Begin, Lookout
from slipway_train_torch.causal_lm.work import peak, work
from slipway_train_torch.gguf.reading import read_once
from slipway_train_torch.report.journal import Journal

log = logging.getLogger("slipway")


class Stopped(Exception):
    """SIGTERM came; everything up to the last whole step stands."""


class Recipe:
    """Fine-tuning of a causal language model on one device, or on several of which each process has one: then each
    computes its share of every batch, and all hold the same weights, or a part of them each.

    Every step is a function of what the checkpoint holds and of the job, so a run that was stopped and resumed ends in
    the same bits as one that was not (on a CPU; on a GPU as far as its kernels allow).
    """

    def __init__(self, job: Train, scratch: Path, stop: StopFlag, journal: Journal, place: Place | None = None) -> None:
        """Make a run of `job` that `journal` reports; `place` is where it stands when it is a stage of a longer one."""
        assert job.recipe.causal_lm is not None, "the operator starts this program for causalLM only"
        self.job = job
        self.place = place
        self.passed = place.passed if place is not None else Passed()
        self.whole = place.told if place is not None else job
        """The job of all stages; what is published is theirs."""
        self.mark = mark(job, self.passed.digest)
        self.recipe: CausalLM = job.recipe.causal_lm
        self.scratch = scratch
        self.ranks = ranks.here()
        self.sharded = self.recipe.sharding is not None and not self.ranks.alone
        self.own = scratch / f"rank-{self.ranks.rank}"
        """For what each process fetches for itself; base and dataset lie where all find them."""
        self.stop = stop
        self.progress = Reporter(job.progress_url if self.ranks.first else "")
        self.state = State()
        self.pace = Pace()
        self.journal = journal
        self.result: Trained | None = None
        self.saved = 0
        self.grace = Grace(job.grace_seconds)
        self.epoch: tuple[int, Sequence[Sequence[Row]]] = (-1, ())
        self.measured: list[early.Measured] = []
        self.best = early.Best(self.recipe)

    def run(self) -> Trained | Preempted | None:
        """Set up, train, publish; or stop when asked to, with everything saved.

        The first process says what became of the run; all others return None at its end.
        """
        with self.progress, self.journal.failure():
            stopped = self.trained()
            if stopped is None:
                saving.undivide(self)
            return stopped or (saving.publish(self) if self.ranks.first else None)

    def trained(self) -> Preempted | None:
        """Set up and train; return where it stopped when it was asked to, with everything saved."""
        try:
            self.setup()
            with self.lookout:
                self.train()
        except Stopped:
            saving.save(self)
            self.told("Stopped")
            self.report("Stopped")  # how long it took: the next pod is granted what it needs
            log.info("stopped after step %d, %.1f s after SIGTERM", self.state.step, self.stop.seconds)
            return Preempted(step=self.state.step)
        return None

    # --- set up ---------------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Fetch and read data and base model, make ready what is trained, and go to where another attempt stopped."""
        self.seal = Seal(self.whole)
        self.report("Fetching")
        device.deterministic()
        self.device = device.choose(self.recipe.precision)
        self.bring(self.job.dataset, "dataset", without=EXPORTS)
        self.go_on()
        self.bring(self.job.base_model, "base")
        self.go_on()

        among = mesh(self.device) if self.sharded else None
        with ExitStack() as alone:
            model, layout = self.load(alone)
            torch.manual_seed(self.job.seed)
            self.tuned = self.vocabulary.trained(methods.tuned(model, self.recipe, self.job.base_model.uri))
            self.model = self.tuned.model
            faster.quicken(self.model)
            if among is not None:
                divide(self.model, self.device, among)
                self.vocabulary.look_again(self.model)
        self.parameters = self.tuned.trainable()
        self.go_on()

        self.per_epoch = math.ceil(len(self.rows) / self.recipe.batch_size)
        self.steps = min(self.per_epoch * self.recipe.epochs, self.recipe.max_steps or math.inf)
        if early.publishes_best(self.recipe) and not self.validation.examples:
            raise BadData(
                "NoValidationSplit",
                "earlyStopping and publish: Best choose by the validation loss, but the dataset's validation split has "
                "no rows: raise split.validationPercent, or remove both",
            )
        self.noise = Noise(float(self.recipe.neftune_alpha or 0), model.get_input_embeddings())
        self.limits = Limits.of(self.recipe.stop_gradient_norm, len(head_weight(self.model)))
        self.layers = Layers(model, self.parameters, self.recipe)
        self.layers.require_all_opened(int(self.steps))
        self.optimiser = torch.optim.AdamW(
            self.vocabulary.groups(self.layers.groups()),
            lr=float(self.recipe.learning_rate),
            weight_decay=float(self.recipe.weight_decay),
            fused=True,
        )
        rigid = -(-self.recipe.batch_size // self.ranks.size) if self.sharded else None
        self.ladder = Ladder(
            self.device, model, layout, lambda: self.optimiser.zero_grad(set_to_none=True), rigid=rigid
        )
        best = peak(self.device)
        self.pace = Pace(work(model, self.recipe), best * self.ranks.size if best is not None else None)
        self.ranks.diverge(self.job.seed)
        self.begin()
        self.resume()
        self.look_out()
        self.ladder.arrange(self.ladder.layout)
        self.memory.allocate(self.ladder.layout)
        if self.ranks.first:
            self.journal.begin(lambda: telling.facts(self))
        log.info(
            "%d of %d parameters are trained, on %s in %s with %d threads; %d steps, %d an epoch",
            sum(p.numel() for p in self.parameters.values()), sum(map(numel, self.model.parameters())),
            self.device.torch, self.device.precision, torch.get_num_threads(), self.steps, self.per_epoch,
        )  # fmt: skip

    def load(self, alone: ExitStack) -> tuple[Any, Layout]:
        """Return the base model, and how batches are cut so that it can be trained; data is read before it.

        A model that is to be divided is whole in one process at a time: until `alone` ends, others wait for their turn.
        """
        self.report("Loading")
        uri = self.job.base_model.uri
        # All of a model is trained in float32, whatever it runs forward in: small updates would be lost in BF16.
        dtype = torch.float32 if self.recipe.method == "Full" else None
        quantised = self.recipe.method == "QLoRA"
        self.vocabulary = vocabulary.Vocabulary()
        with read_once():
            config, self.tokenizer = base.described(self.scratch / "base", uri)
            self.load_data()
            layout = self.fitting(config)
            self.go_on()
            where = self.device
            if self.sharded:
                alone.enter_context(turn(self.scratch))
                # No device may have room for all of it: it is read to the host, and goes to the devices in parts.
                where = replace(self.device, torch=torch.device("cpu"))
            model = base.load(self.scratch / "base", uri, where, dtype, self.tokenizer, quantised=quantised)[0]
        head_weight(model)  # refused before anything is made ready for it
        self.require_own_tokenizer(model, where)
        self.vocabulary = vocabulary.extended(model, self.tokenizer, self.recipe.new_tokens, self.scratch / "dataset")
        export.check(self.job, model.config, self.scratch / "base")
        pad = self.tokenizer.pad_token_id
        self.pad = pad if pad is not None else self.tokenizer.eos_token_id
        self.flat = flat.enable(model, self.recipe.max_tokens, where)
        if self.recipe.new_tokens is not None:
            self.load_data()
        return model, layout

    def require_own_tokenizer(self, model: Any, where: device.Device) -> None:
        """Raise BadConfig where the rows' tokens are noise to the base model `model`; one process asks for all."""
        if not self.ranks.first:
            return
        examples = (example for row in self.rows for example in row)
        if (why := vocabulary.foreign(model, where, examples, len(self.tokenizer.get_vocab()))) is not None:
            raise base.misfit(self.job.base_model.uri, why)

    def bring(self, artifact: ArtifactRef, name: str, without: str | None = None) -> None:
        """Fetch an artefact into the scratch folder, once for all processes of the pod."""
        if self.ranks.leads:
            fetch(artifact, self.scratch / name, self.job.store, without=without)
        self.ranks.wait()

    def fitting(self, config: Any) -> Layout:
        """Return how batches are to be cut so that a model of `config` can be trained in the memory there is.

        Raises OutOfMemory where it cannot. All processes choose alike: by the one that has the least.
        """
        rows = -(-self.recipe.batch_size // self.ranks.size)
        parts = self.ranks.size if self.sharded else 1
        found = shape(config, self.recipe, self.device, self.job.base_model.uri, parts)
        could_share = self.ranks.size if not self.sharded and self.recipe.method != "QLoRA" else 1
        wanted = Wanted(found, lines_of(self.rows), rows, could_share)
        self.ranks.wait()
        room = room_at_start(self.device, self.ranks.local_size)
        if room is not None:
            room = min(self.ranks.merged({str(self.ranks.rank): room}).values())
        self.memory = Watch(wanted, room, self.device)
        self.report("Loading")
        layout = choose(wanted, self.asked(), room, self.device.torch.type)
        self.memory.allocate(layout)
        return layout

    def asked(self) -> Layout:
        """Return how batches are cut where memory does not matter."""
        return Layout(self.recipe.micro_batch_size or self.recipe.batch_size)

    def load_data(self) -> None:
        """Read the data as tokens: the lines that batches are made of, and those that are measured."""
        read_from = None if self.vocabulary.tokens else self.scratch / "base"
        found = data.load(self.scratch / "dataset", self.tokenizer, self.recipe.max_tokens, read_from)
        self.train_split, self.validation = found
        self.rows = batches.rows(self.train_split.examples, self.recipe.batching, self.recipe.max_tokens)
        self.held_out: Sequence[Row] = tuple((example,) for example in self.validation.examples)

    def begin(self) -> None:
        """Take the weights that the stage before ended with, where there was one."""
        if self.place is not None:
            self.place.begin(self.parameters, self.held_out)

    def resume(self) -> None:
        """Go to the newest checkpoint of this run, if there is one."""
        job = self.job
        self.checkpoints = Checkpoints(job.checkpoint_uri, job.store, self.mark, job.checkpoint.keep, self.own)
        found = self.checkpoints.restore(self.parameters, self.optimiser)
        if found is None:
            return
        self.state = found.state
        if own := self.ranks.own(found.random_state):
            self.device.restore_random_state(own)
        self.measured = early.measured(self.state.history)
        self.best.restore(found.best, self.parameters)
        self.ladder.arrange(Layout(self.state.micro_batch, self.state.recompute))
        self.ladder.rungs = [Rung(**rung) for rung in self.state.rungs]
        self.saved = self.state.step
        log.info("resumed after step %d", self.state.step)

    def look_out(self) -> None:
        """Begin one rung lower where the attempt before was killed for its memory, in all processes alike."""
        uri = f"{self.job.checkpoint_uri.rstrip('/')}/unfinished/rank-{self.ranks.rank}.json"
        self.lookout = Lookout(uri, self.job.store, self.mark, self.memory.share, self.stop)
        planned = Begin(self.ladder.layout, self.ladder.rungs)
        own = self.lookout.begin(planned, self.state.step + 1)
        found = max(self.ranks.merged({str(self.ranks.rank): own}).values(), key=lambda one: one.layout.rank)
        if found.layout != planned.layout:
            log.warning("the attempt before was killed: going on with %s, not %s", found.layout, planned.layout)
        self.ladder.layout, self.ladder.rungs = found.layout, [*found.rungs]
        self.lookout.over(found, lambda: self.ladder.layout)

    # --- train ----------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Do what steps remain, measuring and saving on the way."""
        while True:
            if self.evaluation_is_due():
                self.evaluate()
            if self.state.step - self.saved >= self.job.checkpoint.every_steps and self.limits.sound(self.losses()):
                saving.save(self)
                self.told("Running")
            if self.state.step >= self.steps:
                return
            if early.enough(self.measured, self.recipe.early_stopping):
                log.info("step %d: validation loss does not improve any more, the run ends early", self.state.step)
                return
            self.go_on()
            self.step()

    def step(self) -> None:
        """Do one optimiser step."""
        started = time.monotonic()
        batch = self.batch()
        rate = float(self.recipe.learning_rate) * factor(
            self.state.step, self.steps, self.recipe.warmup_percent, self.recipe.schedule
        )
        self.layers.open(self.state.step)
        loss = self.ladder.do(lambda: self.gradients(batch), self.state.step + 1)
        norm = self.clip()
        done = Step(self.state.step + 1, self.steps, ids(batch), rate, loss, norm)
        self.limits.check(done, self.losses())
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

        took = time.monotonic() - started
        tokens = sum(map(batches.tokens_in, batch))
        figures = self.pace.add(Lap(took, tokens, batches.targets(batch)))
        self.state.step += 1
        self.state.tokens += tokens
        self.state.seconds += took
        if (held := memory_bytes(self.device)) is not None:
            figures["memoryBytes"] = held
        self.note(loss=loss, learningRate=rate, gradientNorm=norm, **figures)
        self.report("Training")
        log.info("step %d of %d: loss %.4f, %.0f tokens/s", self.state.step, self.steps, loss, tokens / took)

    def batch(self) -> Sequence[Row]:
        """Return the batch of the next step."""
        number, at = divmod(self.state.step, self.per_epoch)
        if self.epoch[0] != number:
            made = batches.epoch(self.rows, self.recipe.batch_size, self.job.seed, number, self.flat)
            self.epoch = number, made
        return self.epoch[1][at]

    def gradients(self, batch: Sequence[Row]) -> float:
        """Leave in each parameter the gradient of the mean loss per trained token of `batch`; return that loss."""
        self.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        tokens = self.share(batch)
        require_targets(tokens, self.state.step + 1, self.steps, ids(batch))
        total = torch.zeros((), device=self.device.torch)
        for piece in self.ladder.layout.cut(self.ranks.share(batch)):
            loss = self.loss(piece)
            # Over all tokens of the batch, not of the piece: pieces hold different numbers of them.
            (loss / tokens).backward()
            total += loss.detach()
        for _ in range(self.idle(batch)):
            (self.loss(batch[:1]) * 0).backward()
        if not self.sharded:  # where it is, each pass has added them up
            self.ranks.add_gradients(self.parameters.values())
        self.vocabulary.hold()
        return self.ranks.total(total.item()) / tokens

    def idle(self, lines: Sequence[Row]) -> int:
        """Return in how many passes this process takes part for others only, where each computes its share of `lines`:
        in none, unless the model is divided.
        """
        if not self.sharded:
            return 0
        return passes.idle(len(lines), self.ranks.rank, self.ranks.size, self.ladder.layout.micro_batch)

    def clip(self) -> float:
        """Clip the gradient as the recipe says, and return the norm that all of it had before."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = whole(torch.nn.utils.get_total_norm(gradients))
        limit = float(self.recipe.max_gradient_norm) or math.inf
        torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), limit, norm)
        return norm.item()

    def share(self, lines: Sequence[Row]) -> int:
        """Return by what the summed loss of `lines` is divided: their trained tokens."""
        return batches.targets(lines)

    def loss(self, lines: Sequence[Row]) -> torch.Tensor:
        """Return the summed loss of `lines`."""
        batch = self.batch_of(lines)
        with self.device.autocast():
            return within(self.model, lambda: summed_loss(self.model, self.head, batch))

    @property
    def head(self) -> torch.Tensor:
        """The output layer's weight [vocabulary, width] as the model takes it."""
        return head_weight(self.model).to(self.device.dtype)

    def batch_of(self, lines: Sequence[Row]) -> batches.Batch:
        """Return `lines` as the model takes them, on its device."""
        collated = flat.collate(lines) if self.flat else batches.collate(lines, self.pad)
        batch = collated.to(self.device.torch)
        self.noise.on(batch)
        return batch

    # --- evaluate -------------------------------------------------------------------------------------------------

    def evaluation_is_due(self) -> bool:
        """Tell whether the validation split is to be measured before the next step."""
        step, every = self.state.step, self.recipe.evaluate_every_steps
        if self.place is not None and self.place.measures_first and not self.measured:
            return True
        if not self.validation.examples or self.state.evaluated == step:
            return False
        return step >= self.steps or (every is not None and step % every == 0 and step > 0)

    def evaluate(self) -> None:
        """Measure the mean loss per trained token of the validation split, a few rows at a time."""
        self.report("Evaluating")
        self.model.eval()
        lines = sorted(self.held_out, key=lambda row: (batches.tokens_in(row), row[0].id))
        mine = self.ranks.share(lines)
        total = 0.0
        with torch.no_grad():
            at = 0
            while at < len(mine):
                if self.ranks.alone:  # others may have more pieces or fewer, and could not agree on the way
                    self.go_on()
                total += self.ladder.do(lambda at=at: self.measure(mine[at:]), self.state.step)
                at += self.ladder.layout.micro_batch
            for _ in range(self.idle(lines)):
                self.loss(lines[:1])
        self.state.validation_loss = self.ranks.total(total) / self.share(lines)
        self.state.evaluated = self.state.step
        self.note(validationLoss=self.state.validation_loss, **self.figures())
        self.best.remember(self.measured, self.state.step, self.parameters)
        self.report("Training")
        log.info("step %d: validation loss %.4f", self.state.step, self.state.validation_loss)

    def measure(self, lines: Sequence[Row]) -> float:
        """Return the summed loss of as many of the first `lines` as are measured together."""
        return self.loss(lines[: self.ladder.layout.micro_batch]).item()

    def figures(self) -> dict[str, float]:
        """Return what the last measurement found beside the loss."""
        return {}

    # --- tell -----------------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Raise Stopped when SIGTERM came, in all processes at once."""
        if self.ranks.any(self.stop.is_set()):
            raise Stopped

    def note(self, **figures: float) -> None:
        """Add a line to the history."""
        line = {"step": self.state.step, "at": round(time.time(), 3), **figures}
        self.state.history.append(line)
        self.measured += early.measured([line])

    def losses(self) -> list[float]:
        """Return the losses of the last steps, as many as a stop looks at, oldest first."""
        newest = (line["loss"] for line in reversed(self.state.history) if "loss" in line)
        return list(islice(newest, PATIENCE))[::-1]

    def newest(self) -> Mapping[str, float]:
        """Return the figures of the last step; empty before the first."""
        return next((line for line in reversed(self.state.history) if "loss" in line), {})

    def report(self, phase: str) -> None:
        """Push the newest figures."""
        self.progress.update(telling.progress(self, phase))

    def told(self, outcome: Outcome) -> None:
        """Let the report say how far the run is; one process speaks for all."""
        if self.ranks.first:
            self.journal.write(outcome)

    def history(self) -> Sequence[Mapping[str, Any]]:
        """Return the history of all stages so far, steps counted from the first; most runs have one stage."""
        return self.state.history if self.place is None else self.place.whole(self.state.history)

    def rungs(self) -> tuple[Rung, ...]:
        """Return the rungs of all stages so far, steps counted from the first."""
        own = (rung.model_copy(update={"step": self.passed.steps + rung.step}) for rung in self.ladder.rungs)
        return (*self.passed.rungs, *own)

    def shown(self) -> dict[str, Any]:
        """Return what progress shows beside what every run has."""
        return self.place.shown() if self.place is not None else {}

    def resolved(self) -> dict[str, str]:
        """Return every parameter that the run had, defaults filled in."""
        return telling.resolved(self)


def ids(batch: Sequence[Row]) -> list[str]:
    """Return the ids of all rows in `batch`; both answers of a pair are of one row."""
    return list(dict.fromkeys(example.id for row in batch for example in row))
