"""Weights for timm and torchvision: a safetensors file, alone or in the layout of the Hugging Face hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from cvkit import DataInfo, Exporter, ExporterFactory, ModelToExport

from .library import LibraryModel, normalised

WEIGHTS, CARD, CLASSES, CONFIG = "model.safetensors", "README.md", "classes.json", "config.json"


class Safetensors(Exporter):
    """Write the weights of a timm or torchvision model as safetensors, with a model card and the class names.

    ``timm.create_model(NAME, checkpoint_path="model.safetensors", num_classes=K)`` or torchvision's
    ``load_state_dict`` reads them; the model card has the code and the normalisation. The header of the file contains
    the classes, the framing, the thresholds and the run.

    Args:
        info: Channels, size and classes of the images.
    """

    files = (WEIGHTS, CARD, CLASSES)

    def __init__(self, info: DataInfo) -> None:
        self.info = info

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write the weights, the card and the classes."""
        found = LibraryModel.of(model)
        save_weights(model, folder)
        (folder / CARD).write_text(card(model, found.code(WEIGHTS)), encoding="utf-8")
        (folder / CLASSES).write_text(json.dumps(list(self.info.classes), indent=1) + "\n")

    def load(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return the logits of the library's own model with the weights in the file."""
        network = LibraryModel.of(model).build(folder / WEIGHTS)
        return normalised(network, self.info.mean, self.info.std)


class Hub(Exporter):
    """Write a timm model in the layout of the Hugging Face hub, for ``timm.create_model("hf-hub:USER/NAME")``.

    Nothing is uploaded. ``timm.create_model("local-dir:FOLDER", pretrained=True)`` reads the folder, and
    ``timm.data.resolve_data_config`` the framing and the normalisation.

    Args:
        info: Channels, size and classes of the images.
    """

    files = (WEIGHTS, CONFIG, CARD)

    def __init__(self, info: DataInfo) -> None:
        self.info = info

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write the weights, the configuration and the card."""
        found = LibraryModel.of(model)
        if found.library != "timm":
            raise ValueError(
                f"{model.component} is not a model of timm, as the hub requires; export it to safetensors"
            )
        save_weights(model, folder)
        (folder / CONFIG).write_text(json.dumps(config(model, found), indent=2) + "\n")
        code = 'import timm\n\nmodel = timm.create_model("hf-hub:USER/NAME", pretrained=True).eval()'
        front = "---\ntags:\n- image-classification\n- timm\nlibrary_name: timm\n---\n\n"
        (folder / CARD).write_text(front + card(model, code), encoding="utf-8")

    def load(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return the logits of the model that timm builds from the folder."""
        import timm

        network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        known: Any = network.pretrained_cfg  # a plain attribute
        return normalised(network, known["mean"], known["std"])


_: ExporterFactory = Safetensors
_hub: ExporterFactory = Hub


def save_weights(model: ModelToExport, folder: Path) -> None:
    """Write the weights and buffers as the library names them."""
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in model.network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt", "cvkit": model.metadata_text()})


def config(model: ModelToExport, found: LibraryModel) -> dict[str, Any]:
    """Return timm's configuration of a model: its architecture, classes, arguments and input."""
    info, framing = model.info, model.metadata["info"]["framing"]
    own = {key: value for key, value in found.arguments.items() if key not in ("num_classes", "in_chans")}
    return {
        "architecture": found.name,
        "num_classes": info.num_classes,
        "label_names": list(info.classes),
        "model_args": {"in_chans": info.channels, **own},
        "pretrained_cfg": {
            "input_size": [info.channels, info.height, info.width],
            "num_classes": info.num_classes,
            "mean": list(info.mean),
            "std": list(info.std),
            "interpolation": framing["interpolation"] or "bilinear",
            "crop_pct": framing["crop_pct"] or 1.0,
            "crop_mode": {"crop": "center", "pad": "border", "squash": "squash"}[framing["mode"]],
        },
    }


def card(model: ModelToExport, code: str) -> str:
    """Return a model card: the classes, the preprocessing, the origin and the code that builds the model."""
    info, metadata = model.info, model.metadata
    framing = metadata["info"]["framing"]
    several = info.task != "single_label"
    origin = [
        ("run", metadata.get("run")),
        ("recipe", metadata.get("recipe")),
        ("weights", metadata.get("checkpoint")),
    ]
    lines = [
        f"# {metadata.get('recipe') or model.component}",
        "",
        f"A `{model.component}` that classifies images of {info.channels}x{info.height}x{info.width} pixels into "
        f"{info.num_classes} classes{', several for an image' if several else ''}. cvkit "
        f"{metadata['cvkit_version']} trained and exported it.",
        "",
        "```python",
        code,
        "```",
        "",
        "| preprocessing | value |",
        "| --- | --- |",
        f"| framing | {framing['mode']}, {framing['interpolation']}, crop_pct {framing['crop_pct']} |",
        f"| mean of pixels in [0, 1] | {', '.join(f'{value:.6g}' for value in info.mean)} |",
        f"| standard deviation | {', '.join(f'{value:.6g}' for value in info.std)} |",
        "",
        *(f"- {name}: `{value}`" for name, value in origin if value),
        "",
        "| output | class |" + (" threshold |" if metadata["thresholds"] else ""),
        "| --- | --- |" + (" --- |" if metadata["thresholds"] else ""),
    ]
    for index, name in enumerate(info.classes):
        threshold = f" {metadata['thresholds'][index]:.6g} |" if metadata["thresholds"] else ""
        lines.append(f"| {index} | {' '.join(name.split()).replace('|', chr(92) + '|')} |{threshold}")
    return "\n".join(lines) + "\n"
