"""A run with the range test and one without, at one learning rate, end with the same weights, in every recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cvkit import Recipe, Trainer, build_parts, discover, read, resolve
from cvkit.engine.tuning import tune
from cvkit.recipe.tasks import task_of

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
SMALL = {
    "model.width": 4,
    "model.pretrained": False,
    "scheduler.peak_epoch": 1.0,
    "train.epochs": 2,
    "train.batch_size": 16,
    "train.device": "cpu",
}
DRAWN = {  # by task; validation images choose thresholds only
    "single_label": "{dataset: {name: shapes, train_size: 72, test_size: 20}, model: custom_resnet, optimizer: sgd}",
    "multi_label": "{dataset: {name: several_shapes, train_size: 72, test_size: 20, validation_size: 20}, "
    "model: custom_resnet, optimizer: sgd, loss: bce}",
}


def small(path: Path, tmp_path: Path) -> Recipe:
    """The recipe on a few drawn images, its sizes cut down, and nothing else changed."""
    catalog = discover()
    recipe = resolve(read(path), catalog)
    shapes = tmp_path / "shapes.yaml"
    shapes.write_text(DRAWN[task_of(recipe.dataset) or "single_label"])
    drawn = resolve(read(shapes), catalog)
    recipe = replace(recipe, dataset=drawn.dataset, selection=drawn.selection)
    known = {f"{place}.{name}" for place, part in recipe.parts() for name in part.options}
    for name, value in SMALL.items():
        if name in known or name.startswith("train."):
            recipe = recipe.with_value(name, value)
    return recipe


def with_range_test(recipe: Recipe) -> Recipe:
    """The recipe with a range test of two short sweeps as its only tuner."""
    with_one = next(path for path in RECIPES if path.name == "cifar10_resnet.yaml")
    tuners = resolve(read(with_one), discover()).tuners
    recipe = replace(recipe, tuners=tuple(replace(tuner, target=rate_of(recipe)) for tuner in tuners))
    return recipe.with_value("tuners.0.steps", 20).with_value("tuners.0.orders", 2)


def rate_of(recipe: Recipe) -> str:
    """The place of the learning rate: the scheduler's highest one, or the optimizer's."""
    return "scheduler.max_lr" if "max_lr" in recipe.scheduler.options else "optimizer.lr"


def trained(recipe: Recipe, seed: int) -> dict[str, torch.Tensor]:
    """Run the recipe whole, from global generators in any state, and return every parameter and buffer."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    parts = build_parts(recipe, recipe.dataset.build(Path("unused")))
    tuned = [filled for _, _, filled in tune(parts)]
    assert len(tuned) == len(recipe.tuners)
    for _ in Trainer(replace(parts, recipe=[recipe, *tuned][-1])).fit():
        pass
    kept = parts.trained_model
    return {name: tensor.clone() for name, tensor in [*kept.named_parameters(), *kept.named_buffers()]}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_weights_are_those_of_a_run_without_the_range_test(path, tmp_path):
    """To the bit, on a CPU."""
    recipe = small(path, tmp_path)
    recipe = recipe.with_value(rate_of(recipe), 0.05)
    tuned, untuned = trained(with_range_test(recipe), 1), trained(replace(recipe, tuners=()), 2)
    assert tuned.keys() == untuned.keys()
    different = [name for name in tuned if not torch.equal(tuned[name], untuned[name])]
    assert different == []


def test_weights_tell_another_learning_rate(tmp_path):
    """So that the comparison above could have failed."""
    recipe = replace(small(RECIPES[0], tmp_path), tuners=())
    first, second = (trained(recipe.with_value(rate_of(recipe), rate), 1) for rate in (0.05, 0.0501))
    assert any(not torch.equal(first[name], second[name]) for name in first)
