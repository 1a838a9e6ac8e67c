"""Models that timm or torchvision build: their name, their arguments, and how users of the library build them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cvkit import DataInfo, ModelToExport


@dataclass(frozen=True)
class LibraryModel:
    """A model as the library builds it, without weights.

    Attributes:
        library: ``timm`` or ``torchvision``.
        name: Its name there.
        arguments: The keyword arguments with which the library builds it.
    """

    library: str
    name: str
    arguments: dict[str, Any]

    @classmethod
    def of(cls, model: ModelToExport) -> LibraryModel:
        """Return the library's model of a run; raise `ValueError` if no library builds it."""
        library, _, name = model.component.partition("/")
        if library not in ("timm", "torchvision") or name.endswith("_aux"):
            raise ValueError(
                f"{model.component} is not a model of timm or torchvision, so other programs cannot build it from "
                "its name; export it to onnx or torch"
            )
        info = model.info
        arguments = dict(model.options.get("arguments") or {})
        if library == "timm":
            from timm.models import get_pretrained_cfg

            config = get_pretrained_cfg(name)
            if config is not None and config.fixed_input_size:
                arguments.setdefault("img_size", (info.height, info.width))
            arguments |= {"num_classes": info.num_classes, "in_chans": info.channels}
        elif info.channels != 3:
            raise ValueError(
                f"torchvision builds {name} for 3 channels only, and this model has {info.channels}; "
                "export it to onnx or torch"
            )
        else:
            arguments |= {"num_classes": info.num_classes} | _required(name, info)
        return cls(library, name, arguments)

    def build(self, weights: Path | None = None) -> nn.Module:
        """Return the model in evaluation mode, with the weights in a file if one is given."""
        if self.library == "timm":
            import timm

            path = "" if weights is None else str(weights)
            model: nn.Module = timm.create_model(self.name, checkpoint_path=path, **self.arguments)
            return model.eval()
        import torchvision
        from safetensors.torch import load_file

        model = torchvision.models.get_model(self.name, weights=None, **self.arguments)
        if weights is not None:
            model.load_state_dict(load_file(weights))
        return model.eval()

    def code(self, file: str) -> str:
        """Return the Python code that builds the model with the weights in `file`."""
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        if self.library == "timm":
            call = f'"{self.name}", checkpoint_path="{file}", {arguments}'
            return f"import timm\n\nmodel = timm.create_model({call}).eval()"
        return (
            "import torchvision\nfrom safetensors.torch import load_file\n\n"
            f'model = torchvision.models.get_model("{self.name}", weights=None, {arguments})\n'
            f'model.load_state_dict(load_file("{file}"))\nmodel.eval()'
        )


def normalised(network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> Callable[[Tensor], Tensor]:
    """Return a function from uint8 images to logits, normalised as the model card says."""
    centre, spread = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))

    @torch.no_grad()
    def logits(images: Tensor) -> Tensor:
        result: Tensor = network((images / 255 - centre) / spread)
        return result

    return logits


def _required(name: str, info: DataInfo) -> dict[str, Any]:
    """Return the arguments of torchvision for the size of the images, and against auxiliary logits."""
    from torchvision.models import get_model_builder

    match get_model_builder(name).__module__.rpartition(".")[2]:
        case "vision_transformer":
            return {"image_size": info.height}
        case "maxvit":
            return {"input_size": (info.height, info.width)}
        case "googlenet" | "inception":
            return {"aux_logits": False, "init_weights": False}
    return {}
