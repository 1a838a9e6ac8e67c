"""The section of a report about the model: its size, its cost, its input and its layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.trained_model import TrainedModel
from ..engine.trainer import Trainer
from ..errors import one_line
from ..figures.artifacts import Table
from ..figures.page import Section
from ..formatting import counted

_UNITS = (("G", 10**9), ("M", 10**6), ("k", 10**3))


def model_section(trainer: Trainer, info: dict[str, Any]) -> Section:
    """Return the section about the trained model; `info` is the content of run.json."""
    trained = trainer.trained()
    flops, layers = _traced(trained)
    rows = tuple((name, value) for name, value in _facts(trainer, trained, info, flops))
    caption = (
        "FLOPs: floating-point operations of one image in a forward pass, with a multiplication and an addition "
        "counted as two; convolutions, matrix products and attention are counted."
    )
    return Section("Model", (Table("model", "Model", caption, ("what", "value"), rows),), folded=(layers,))


def _facts(trainer: Trainer, trained: TrainedModel, info: dict[str, Any], flops: str) -> Iterator[tuple[str, str]]:
    parts, weights = trainer.parts, [*trained.model.parameters()]
    shape = parts.info
    number = sum(weight.numel() for weight in weights)
    # The trained copy may have been loaded without gradients, so what is trained is asked of the run's own model.
    with parts.finetuning.freezing(parts.model).during(max(0, trainer.epoch - 1)):
        trained_last = sum(weight.numel() for weight in parts.model.parameters() if weight.requires_grad)
    yield "model", parts.recipe.model.entry.id
    yield "parameters", f"{number:,}"
    yield "trained in the last epoch", f"{trained_last:,}"
    size = sum(tensor.numel() * tensor.element_size() for tensor in trained.model.state_dict().values())
    yield "size of the weights", f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.1f} KiB"
    yield "FLOPs", flops
    yield "input", f"{shape.height} x {shape.width} pixels, {counted(shape.channels, 'channel')}"
    yield "normalisation", f"mean {_numbers(shape.mean)}, standard deviation {_numbers(shape.std)}"
    if shape.framing is not None:
        yield "framing", shape.framing.mode
    yield "first weights", str((info.get("pretrained") or {}).get("source", "random"))
    yield "precision of training", parts.recipe.train.precision
    if parts.device.type == "cuda":
        yield "most memory of the GPU", f"{torch.cuda.max_memory_allocated(parts.device) / 2**30:,.2f} GiB"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _traced(trained: TrainedModel) -> tuple[str, Table]:
    """Return the FLOPs of one image, and a table of the modules with weights and the shapes of their outputs."""
    from torch.utils.flop_counter import FlopCounterMode  # after `about_to_train`, because its import is expensive

    shapes: dict[str, str] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: Any, made: Any) -> None:
            shapes[name] = " x ".join(map(str, made.shape[1:])) if isinstance(made, Tensor) else ""

        return hook

    own = [(name, module) for name, module in trained.model.named_modules() if [*module.parameters(recurse=False)]]
    image = torch.zeros(1, trained.info.channels, trained.info.height, trained.info.width, device=trained.device)
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), ExitStack() as hooks, counter:
            for name, module in own:
                hooks.callback(module.register_forward_hook(note(name)).remove)
            trained.model(image)
        flops = _short(counter.get_total_flops())
    except Exception as error:  # a model of a plugin may accept batches only, or compile itself
        flops = f"could not be counted: {one_line(error)}"
    rows = tuple(
        (
            name or "(the model)",
            type(module).__name__,
            shapes.get(name, ""),
            f"{sum(prod(weight.shape) for weight in module.parameters(recurse=False)):,}",
        )
        for name, module in own
    )
    caption = "The modules with weights, in the order of the model, with the shape of their outputs for one image."
    return flops, Table("layers", "Layers", caption, ("module", "type", "output", "parameters"), rows)


def _short(number: int) -> str:
    """Return a number with three digits and a prefix: ``1.82 G``."""
    for unit, size in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:,}"
