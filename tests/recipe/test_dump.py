"""A resolved recipe as text, and back."""

from __future__ import annotations

import random

import pytest
import yaml

from cvkit.recipe import dump, read_text, resolve
from cvkit.recipe.yaml_scalars import read_scalar

RECIPES = [
    "dataset: shapes\nmodel: toy/net\noptimizer: sgd",
    """name: full
seed: 9223372036854775807
shorter: "/12:30"
dataset: {name: shapes, count: 3}
augmentations: [crop, {name: crop, mode: constant, window: [0, -1]}, {name: flip, p: 1}]
model: {name: toy/net, dropout: 1e-5, head: "no", jitter: [8, 1.2]}
loss: {name: cross_entropy, smoothing: 1e20}
optimizer: {name: sgd, lr: 0.1, betas: [0, 1], tags: [a, "", "1", "null", "# x", "a: b", "tab\\t", "é", "\\u2028"]}
scheduler: {name: one_cycle, max_lr: auto}
tuners: [{name: range_test, set: scheduler.max_lr, steps: 20}]
explainers: [{name: cam, layer: layer4.1}]
train: {ema: 0.999, clip_norm: 1, max_steps: 5, resident: false, device: "cuda:0"}
report: {misclassified: 0}
plugins: {disable: [elsewhere_entirely]}
""",
    "dataset: shapes\nmodel: {name: toy/beta.v1, depth: 2, extra: {a: [1, {b: null}], '2': x}}\noptimizer: sgd",
    "dataset: shapes\nmodel: {name: anything, x: [1, 2.0, true], 'a b': ~}\noptimizer: sgd",
]


@pytest.mark.parametrize("text", RECIPES)
def test_dumped_recipe_reads_back_as_an_equal_one(catalog, text):
    """Dump and resolve are each other's inverse, and a second dump changes nothing."""
    recipe = resolve(read_text(text, file="plain.yaml"), catalog)
    again = resolve(read_text(dump(recipe)), catalog)
    assert again == recipe
    assert dump(again) == dump(recipe)


def test_dump_writes_full_ids_and_every_default(catalog):
    """A resolved recipe says everything the run depends on."""
    recipe = resolve(read_text(RECIPES[0], file="plain.yaml"), catalog)
    text = dump(recipe)
    assert "name: plain\n" in text
    assert "model:\n  name: toy/net\n  width: 64\n" in text
    assert "scheduler:\n  name: torch/constant\n" in text
    assert "  precision: fp32\n" in text
    assert "augmentations: []\n" in text


def test_note_stands_beside_the_value_it_explains(catalog):
    """A comment of one line names the origin of a value; reading the recipe ignores it."""
    recipe = resolve(read_text(RECIPES[1]), catalog).with_value("scheduler.max_lr", 0.4)
    text = dump(recipe, notes={"scheduler.max_lr": "by onecycle/lr_range_test\n(steepest)", "train.epochs": "why"})
    assert "  max_lr: 0.4  # by onecycle/lr_range_test (steepest)\n" in text
    assert "  epochs: 10  # why\n" in text
    assert resolve(read_text(text), catalog) == recipe


@pytest.mark.parametrize("seed", range(20))
def test_any_text_and_number_survives(catalog, seed):
    """Random text and numbers come back as they were, of the same type."""
    draw = random.Random(seed)
    alphabet = "ab1-+.:#'\"\\ ,[]{}&*!|>%@`~?\n\t\x85\ufeff\u2028\x7fé😀0oxeEnullYyNon"
    texts = ["".join(draw.choices(alphabet, k=draw.randrange(6))) for _ in range(40)]
    numbers = [draw.uniform(-1, 1) * 10.0 ** draw.randrange(-300, 300) for _ in range(20)]
    recipe = resolve(read_text(RECIPES[3]), catalog)
    values = [*texts, *numbers, draw.randrange(-(2**63), 2**63), True, None, dict.fromkeys(texts, 1)]
    recipe = recipe.with_value("model.x", values)
    again = resolve(read_text(dump(recipe)), catalog).model.options["x"]
    assert [(type(value), value) for value in again] == [(type(value), value) for value in values]


def test_dump_reads_the_same_to_a_yaml_1_1_reader(catalog):
    """Other programs' YAML readers see the same numbers and words."""
    recipe = resolve(read_text(RECIPES[1]), catalog)
    seen = yaml.safe_load(dump(recipe))
    assert seen["model"] == {"name": "toy/net", "width": 64, "dropout": 1e-5, "head": "no", "jitter": [8, 1.2]}
    assert seen["loss"]["smoothing"] == 1e20
    assert seen["shorter"] == "/12:30"
    assert seen["optimizer"]["tags"] == list(recipe.optimizer.options["tags"])


@pytest.mark.parametrize("text", ["1e-3", "0x1f", "true", "~", "", ".5", "-1"])
def test_scalar_words_are_the_ones_that_need_quotes(text):
    """The reader itself says which text would be taken for something else."""
    assert not isinstance(read_scalar(text), str)
