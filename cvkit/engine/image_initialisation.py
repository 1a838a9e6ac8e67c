"""First weights of a model that depend on training images, such as a layer that whitens patches of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..checkpoint.state_dicts import model_state
from ..data.loading import materialize
from ..data.preprocessing import Preprocessor
from ..data.resizing import framed
from ..data.splits import DataInfo, Split
from ..guard import Guard
from ..recipe import Recipe
from ..seeding import permutation, preserved_randomness, seed_everything

METHOD = "initialise_with_images"
"""The method of a model that sets such weights."""


@torch.no_grad()
def initialise_with_images(
    recipe: Recipe, model: nn.Module, training: Split, info: DataInfo, preprocessor: Preprocessor
) -> None:
    """Call the model's method ``initialise_with_images``, if it has one, with a sample of the training images.

    The sample depends on the recipe's seed and on the number of training images only, so all processes that train
    together have the same one. Raises `ComponentFailure` if the method fails or sets a weight that is not finite.
    """
    method = getattr(model, METHOD, None)
    if not callable(method):
        return
    order = permutation(len(training), "images of the initialisation", recipe.seed)

    def sample(count: int) -> Tensor:
        images = materialize(framed(training, info), order[:count].tolist()).images
        return preprocessor.for_evaluation(images.to(preprocessor.device))

    finite = [name for name, value in model_state(model).items() if value.isfinite().all()]  # a mask may not be
    guard = Guard(recipe.model.entry, "cannot set its first weights by training images")
    with preserved_randomness():
        seed_everything("initialisation with images", recipe.seed)
        guard(method, sample)
    state = model_state(model)
    for name in finite:
        if name in state and not state[name].isfinite().all():
            raise guard.failure(f"sets {name} to values that are not finite in {METHOD}()")
