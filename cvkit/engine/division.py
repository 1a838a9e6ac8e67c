"""Prepares the model of a run that several processes train, and says what is different for them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import RunError
from ..formatting import counted
from ..recipe.settings import TrainSettings
from ..world.world import World
from .loop import EpochBatches


def divided_model(
    model: nn.Module, world: World, settings: TrainSettings, batching: EpochBatches, device: torch.device
) -> tuple[nn.Module, list[str]]:
    """Return the model with synchronised batch normalisation, if the recipe asks for it, and lines for the report.

    Raises `RunError` if the processes cannot synchronise it.
    """
    if world.size == 1:
        return model, []
    smallest = min(settings.batch_size, batching.used % settings.batch_size or settings.batch_size)
    lines = []
    if smallest < world.size:
        lines.append(
            f"{world.size} processes train together, but a batch has {counted(smallest, 'image')}: some processes "
            "have no image of it"
        )
    normalises = any(isinstance(module, _BatchNorm) for module in model.modules())
    if not (settings.sync_batch_norm and normalises):
        if normalises:
            lines.append(
                f"batch normalisation uses the statistics of each process's images, about "
                f"{counted(max(1, settings.batch_size // world.size), 'image')}; so the numbers differ from those "
                "of one process. On GPUs, train.sync_batch_norm: true uses the statistics of all images"
            )
        return model, lines
    if device.type != "cuda":
        raise RunError("train.sync_batch_norm requires GPUs: torch does not synchronise it on a CPU. Set it to false")
    if smallest < world.size:
        raise RunError(
            f"train.sync_batch_norm requires an image for each of the {world.size} processes, but a batch has "
            f"{counted(smallest, 'image')}; use train.drop_last: true, a larger train.batch_size or fewer processes"
        )
    made: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return made, lines
