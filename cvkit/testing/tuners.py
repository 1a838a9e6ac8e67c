"""The checks of tuners: a tuner proposes a value that the recipe accepts, and does not modify the run."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..checkpoint.state_dicts import model_state
from ..engine.assembly import build_parts
from ..engine.parts import RunParts
from ..engine.proposal import Proposal
from ..engine.trainer import Step, Trainer
from ..figures.style import render_figure
from ..host.catalog import Catalog
from ..host.component import Origin
from ..host.discovery import discover
from ..host.entry_points import CORE
from ..kinds import KINDS
from ..recipe import AUTO, Recipe, TunerPart, read_text, resolve
from .contract import promise
from .sample_parts import SamplePlugin, seeded
from .suite import Suite

RECIPE = """\
name: tuned
dataset: sample/colours
augmentations: [sample/dimming]
model: sample/net
loss: sample/counting
optimizer: {name: torch/sgd, lr: 0.05}
scheduler: {name: onecycle/one_cycle, max_lr: 0.05}
train: {epochs: 2, batch_size: 16}
"""
_STEPS = 3


@dataclass
class TunerOutcome:
    """A tuner's proposal, and the state of its run compared with a run without the tuner, by aspect."""

    proposal: Any
    tuned: dict[str, Any]
    untouched: dict[str, Any]


class TunerSuite(Suite):
    """The checks that every tuner must pass.

    Attributes:
        recipe: The text of a recipe with components of cvkit's own plugins, or with the suite's small components such
            as ``sample/net`` and ``sample/colours``.
        sets: The path in `recipe` that the tuner proposes a value for. The recipe must contain a value for it.
    """

    kind = KINDS["tuners"]
    recipe: str = RECIPE
    sets: str = "scheduler.max_lr"

    def supplied(self) -> tuple[RunParts, str]:
        """Return a run of the recipe with ``auto`` as the value of `sets`, and `sets`."""
        recipe = self._recipe()
        owner, _, name = self.sets.rpartition(".")
        part = dict(recipe.parts())[owner]
        waiting: Any = {owner: replace(part, options={**part.options, name: AUTO})}
        literal = {name: one.default for name, one in self.entry.signature().options.items() if one.literal}
        options = literal | self._accepted_options()  # a resolved recipe contains defaults too
        tuners = (TunerPart(self.entry, options, self.sets),)
        return _run(replace(recipe, tuners=tuners, **waiting)), self.sets

    def _recipe(self) -> Recipe:
        return resolve(read_text(self.recipe, ["train.device=cpu"]), _catalog())  # the CPU is exact on every machine

    def _outcome(self) -> TunerOutcome:
        kind: Any = type(self)  # classes are hashable, but the type stub of `cache` does not allow them
        return _tune(kind)

    def _require_same(self, aspect: str, contract: str, advice: str) -> None:
        with promise(contract) as broken:
            outcome = self._outcome()
            tuned, untouched = outcome.tuned[aspect], outcome.untouched[aspect]
            if changed := [name for name, value in untouched.items() if tuned.get(name) != value]:
                broken(f"{changed[0]} differs from a run without the tuner", advice)

    def test_proposal(self) -> None:
        """The tuner returns a proposal with a reason and a title."""
        with promise("every tuner returns a Proposal with a reason and a title") as broken:
            proposal = self._outcome().proposal
            if not isinstance(proposal, Proposal):
                broken(f"the factory returned {type(proposal).__name__}")
            for name in ("reason", "title"):
                if not str(getattr(proposal, name)).strip():
                    broken(f"its {name} is empty")

    def test_value(self) -> None:
        """The recipe accepts the proposed value."""
        with promise(f"a tuner proposes a value that the recipe accepts for {self.sets}") as broken:
            proposal = self._outcome().proposal
            if proposal.value is None:
                broken(f"it proposes no value: {proposal.reason}", "Set `options`, or a `recipe` that it can tune")
            self._recipe().with_value(self.sets, proposal.value)

    def test_data(self) -> None:
        """The data of the proposal can be saved as JSON."""
        with promise("the data of a proposal is JSON: finite numbers, text, lists and mappings"):
            json.dumps(self._outcome().proposal.data, allow_nan=False)

    def test_figure(self) -> None:
        """The figure, if there is one, can be drawn."""
        with promise("the figure of a proposal can be drawn") as broken:
            proposal = self._outcome().proposal

            def paint(figure: Any) -> None:
                proposal.draw(figure)
                if not figure.axes:
                    broken("the figure is empty", "Draw on figure.subplots()")

            if proposal.draw is not None:
                render_figure("tuned", proposal.title, proposal.caption, paint)

    def test_repeatable(self) -> None:
        """A second run of the same recipe results in the same proposal."""
        with promise(
            "a tuner proposes the same value for the same run, regardless of the global generators"
        ) as broken:
            first = self._outcome().proposal
            with seeded(2):
                again = self.build(*self.supplied())
            if (first.value, first.data) != (again.value, again.data):
                broken(f"{first.value}, then {again.value}", "Draw within run.trial, or seed with derive")

    def test_leaves_weights(self) -> None:
        """No parameter or buffer is changed, including buffers that are not in a state dict."""
        self._require_same(
            "weights",
            "a tuner does not change any parameter or buffer of the run's model",
            "Train run.trial(...)",
        )

    def test_leaves_modes(self) -> None:
        """Modes, gradients and requires_grad of the model are not changed."""
        self._require_same(
            "modes",
            "a tuner does not change modes, gradients and requires_grad of the run's model",
            "Use run.trial",
        )

    def test_leaves_parts(self) -> None:
        """The state of the loss and of the augmentations is not changed."""
        self._require_same(
            "parts",
            "a tuner does not change any parameter or buffer of the run's loss and augmentations",
            "Use the copies of run.trial",
        )

    def test_leaves_generators(self) -> None:
        """The global generators of Python, NumPy and torch are not changed."""
        self._require_same(
            "generators",
            "a tuner does not change the state of the global generators of Python, NumPy and torch",
            "Draw within run.trial, or within cvkit.preserved_randomness",
        )

    def test_trains_on(self) -> None:
        """Afterwards the run trains exactly as without the tuner: with the same data in the same order."""
        self._require_same(
            "training",
            "a run trains exactly as without the tuner",
            "Do not change the data or its order",
        )


def _catalog() -> Catalog:
    """Return the catalog of cvkit's own plugins and the suite's small components, in any environment."""
    catalog = discover(distributions=[CORE], environment=False)
    catalog.admit(Origin("sample", "in-process", "0"), SamplePlugin())
    return catalog


def _run(recipe: Recipe) -> RunParts:
    return build_parts(recipe, recipe.dataset.build(Path("unused")))


@cache
def _tune(kind: type[TunerSuite]) -> TunerOutcome:
    """Run the tuner, and compare its run with a run without it. The result is cached by class, because it is slow."""
    suite = kind()
    recipe = suite._recipe()
    untouched = _run(recipe)
    with seeded(1):
        tuned, target = suite.supplied()
        generators = _generators()
        proposal = suite.build(tuned, target)
        after = _generators()
    tuned = replace(tuned, recipe=tuned.recipe.with_value(suite.sets, recipe.value(suite.sets)))
    return TunerOutcome(
        proposal, {"generators": after, **_aspects(tuned)}, {"generators": generators, **_aspects(untouched)}
    )


def _aspects(run: RunParts) -> dict[str, Any]:
    """Return everything that a tuner must not change, in values that can be compared; then train a few steps."""
    weights = {name: tensor.tolist() for name, tensor in model_state(run.model).items()}
    if run.ema is not None:
        weights |= {f"the average of {name}": tensor.tolist() for name, tensor in model_state(run.ema).items()}
    modes: dict[str, Any] = {f"the mode of '{name}'": module.training for name, module in run.model.named_modules()}
    for name, p in run.model.named_parameters():
        modes[f"the gradient of '{name}'"] = None if p.grad is None else p.grad.tolist()
        modes[f"requires_grad of '{name}'"] = p.requires_grad
    augmentations = nn.ModuleList(part for _, part in run.preprocessor.augmentations if isinstance(part, nn.Module))
    parts = {
        f"'{name}' of the {kind}": tensor.tolist()
        for kind, module in {"loss": run.loss, "augmentations": augmentations}.items()
        for name, tensor in model_state(module).items()
    }
    trainer = Trainer(run)
    steps = [event for event in islice(trainer.fit(), _STEPS) if isinstance(event, Step)]
    training = {
        "the loss": [event.loss for event in steps],
        **{f"'{name}'": tensor.tolist() for name, tensor in model_state(run.model).items()},
    }
    return {"weights": weights, "modes": modes, "parts": parts, "training": training}


def _generators() -> dict[str, Any]:
    return {
        "Python's generator": random.getstate(),
        "NumPy's generator": [str(part) for part in np.random.get_state()],
        "torch's generator": torch.get_rng_state().tolist(),
    }
