"""Where the pretrained weights of a first recipe come from, and whether they can be loaded."""

from __future__ import annotations

from pathlib import Path

import torch

from ..data.splits import DataInfo
from ..engine.building import initialised_model
from ..errors import ComponentFailure, RunError
from ..host.catalog import Catalog
from ..recipe import Recipe


def pretrained_of(model: str, weights: Path | None, scratch: bool, catalog: Catalog) -> str | bool | None:
    """Return the value of the model's option `pretrained`; None if the network starts from random weights.

    Args:
        model: The name of the network.
        weights: A file with weights.
        scratch: Whether random weights were asked for.
        catalog: The installed components.

    Raises:
        RunError: There is a file, but the network reads no weights.
    """
    reads = "pretrained" in catalog["models"].find(model).signature().options
    if weights is not None and not reads:
        raise RunError(f"{model} has no option 'pretrained', so it cannot read '{weights}'; use a model of timm/")
    if scratch or not reads:
        return None
    return True if weights is None else str(weights)


def missing_weights(recipe: Recipe, info: DataInfo) -> str:
    """Build the model of a recipe; return why its weights from the hub cannot be loaded, or nothing.

    Raises:
        CvkitError: The network cannot be built for these photos, or the file of weights cannot be used.
    """
    try:
        initialised_model(recipe, info, torch.device("cpu"))
    except ComponentFailure:
        raise
    except RunError as error:
        if recipe.model.options.get("pretrained") is not True:
            raise
        return str(error)
    return ""
