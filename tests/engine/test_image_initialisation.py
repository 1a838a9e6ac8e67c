"""First weights by training images: set once, before everything else, and never over weights that are loaded."""

from __future__ import annotations

import pytest
import torch
from worlds import together

from cvkit import ComponentFailure, build_parts, discover, load, resolve, train, trainer
from cvkit.engine.trainer import Trainer
from cvkit.recipe import read_any

CODE = """
import torch
from torch import nn
from cvkit import Component, hookimpl
CALLS = []

class Centred(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.conv = nn.Conv2d(info.channels, 4, 3, stride=4)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4 * 8 * 8, info.num_classes)
    def initialise_with_images(self, sample):
        images = sample(25)
        CALLS.append(images)
        assert not torch.is_grad_enabled()
        self.conv.bias.copy_(self.shift(images))
    def shift(self, images):
        return self.conv.bias - self.conv(images).mean(dim=(0, 2, 3))
    def forward(self, images):
        return self.linear(self.norm(self.conv(images)).relu().flatten(1))

class Broken(Centred):
    def shift(self, images):
        return torch.full((4,), float("nan"))

class Failing(Centred):
    def shift(self, images):
        raise RuntimeError("no such images")

@hookimpl
def cvkit_models():
    for name in ("Centred", "Broken", "Failing"):
        yield Component(name.lower(), f"strange_parts:{name}", name)
"""
MODEL = "model={name: strange_parts/centred}"


def calls():
    import strange_parts

    return strange_parts.CALLS


def test_model_is_initialised_once_with_normalised_training_images(strange_run):
    """25 of the 70 images, without augmentation; the bias is that of the formula also after the sanity check."""
    run = strange_run(CODE, MODEL)
    (images,) = calls()
    model = run.parts.model
    assert images.shape == (25, 3, 32, 32)
    own = run.parts.preprocessor.for_evaluation(run.parts.splits.train.images)
    assert all(any(torch.equal(image, one) for one in own) for image in images)
    with torch.no_grad():
        outputs = model.conv(images).mean(dim=(0, 2, 3))
    torch.testing.assert_close(outputs, torch.zeros(4), atol=1e-5, rtol=0)


def test_images_depend_on_the_seed_only(strange_run):
    """The same seed gives the same images, another seed others."""
    (first,) = (strange_run(CODE, MODEL), *calls())[1:]
    (again,) = (strange_run(CODE, MODEL), *calls())[1:]
    (other,) = (strange_run(CODE, MODEL, "seed=1"), *calls())[1:]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("name", "said"), [("broken", "conv.bias"), ("failing", "no such images")])
def test_failing_initialisation_names_the_model(strange_run, name, said):
    """Before a run folder exists."""
    with pytest.raises(ComponentFailure, match=rf"strange_parts/{name}.*{said}"):
        strange_run(CODE, f"model={{name: strange_parts/{name}}}")


RECIPE = {
    "name": "white",
    "dataset": {"name": "shapes", "train_size": 60, "test_size": 20},
    "model": {"name": "airbench", "width": 2},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "explainers": ["grad_cam"],
    "train": {"epochs": 1, "batch_size": 20},
    "report": {"misclassified": 2, "augmented": 0},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the network that whitens, with explanations."""
    return train(RECIPE, output=tmp_path_factory.mktemp("runs"))


def test_loaded_model_has_the_kernel_of_the_run(finished):
    """A run folder alone is enough, and the loaded model predicts the test images as the run did."""
    assert not finished.warnings  # each misclassified image was explained
    model = load(finished.folder)
    assert torch.equal(model.module.stem.weight, trainer(RECIPE).parts.model.stem.weight)
    assert torch.equal(model.evaluate().predictions.logits, finished.predictions.logits)


def test_start_from_another_run_keeps_its_kernel(finished):
    """With other data, the images of the second run do not replace the weights of the first one."""
    other = RECIPE | {"dataset": RECIPE["dataset"] | {"seed": 3}}
    new, started = trainer(other), trainer(other | {"finetune": {"from": str(finished.folder)}})
    kernel = trainer(RECIPE).parts.model.stem.weight
    assert torch.equal(started.parts.model.stem.weight, kernel)
    assert not torch.equal(new.parts.model.stem.weight, kernel)


def test_processes_train_the_same_network(tmp_path):
    """Two processes begin with the kernel of one, and end with equal weights, statistics and slow weights."""
    own = {"augmentations": ["alternating_flip"], "optimizer": {"name": "scaled_bias_sgd", "lr": 0.1, "lookahead": 2}}
    recipe = resolve(read_any(RECIPE | own), discover())

    def trained(world):
        run = Trainer(build_parts(recipe, recipe.dataset.build(tmp_path), world=world))
        assert list(run.fit())
        return {name: value.tolist() for name, value in run.parts.model.state_dict().items()}

    one, two = together(2, trained)
    assert one == two
    assert one["stem.weight"] == trainer(RECIPE).parts.model.stem.weight.tolist()
