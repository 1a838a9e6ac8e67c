"""Export many architectures to ONNX, and write what their certificates measured to docs/results.md.

    python benchmarks/certificates.py FOLDER

Each architecture starts from random weights and trains for a few steps on `shapes`, so that its classes differ.
FOLDER keeps the result of each architecture in results.json; another call continues with those that are missing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from section import write_section

import cvkit
from cvkit import CvkitError
from cvkit.export.replay import TIE
from cvkit.formatting import counted, percent

TEST = 200
RECIPE: dict[str, Any] = {
    "dataset": {"name": "shapes", "train_size": 320, "test_size": TEST},
    "optimizer": {"name": "adamw", "lr": 0.002},
    "train": {"epochs": 2, "batch_size": 16, "device": "cpu"},
    "report": {"misclassified": 0, "augmented": 0},
}
MODELS: dict[str, dict[str, Any]] = {
    "resnet/custom_resnet": {"width": 8},
    "timm/mobilenetv3_small_050": {},
    "timm/resnet10t": {},
    "timm/vit_tiny_patch16_224": {"arguments": {"patch_size": 8, "depth": 4}},
    "timm/convnext_atto": {},
    "timm/swin_tiny_patch4_window7_224": {
        "arguments": {"patch_size": 2, "window_size": 4, "embed_dim": 48, "depths": (2, 2), "num_heads": (2, 4)}
    },
    "timm/efficientnet_b0": {},
    "torchvision/mobilenet_v2": {},
    "torchvision/shufflenet_v2_x0_5": {},
    "torchvision/mnasnet0_5": {},
    "timm/regnetx_002": {},
    "timm/ghostnet_100": {},
    "timm/edgenext_xx_small": {},
    "timm/mobilevit_xxs": {},
    "timm/repvgg_a0": {},
    "timm/mixer_s32_224": {"arguments": {"patch_size": 8, "num_blocks": 4}},
    "timm/deit_tiny_distilled_patch16_224": {"arguments": {"patch_size": 8, "depth": 4}},
    "torchvision/resnet18": {},
    "torchvision/squeezenet1_1": {},
    "torchvision/regnet_y_400mf": {},
    "timm/densenet121": {},
    "torchvision/swin_t": {},
}
"""The architectures, with options that make some of them smaller or suitable for 32x32 pixels."""


def measured(name: str, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Train a model for a few steps, export it, and return what its certificate says, or why there is none."""
    start = time.time()
    recipe = {"name": name.replace("/", "-"), "model": {"name": name, **options}, **RECIPE}
    try:
        run = cvkit.train(recipe, output=folder / "runs", progress=False)
        made = cvkit.load(run).export("onnx", output=folder / "exports")
    except (CvkitError, ValueError) as error:
        return {"failed": cvkit.one_line(error), "seconds": time.time() - start}
    certificate = json.loads((made.folder / "certificate.json").read_text())
    size = made.file.stat().st_size
    made.file.unlink()  # hundreds of megabytes together
    return {**certificate, "bytes": size, "seconds": time.time() - start}


def row(name: str, found: dict[str, Any]) -> str:
    """Return the row of an architecture."""
    if "failed" in found:
        return f"| `{name}` | not exported | | | | |"
    changed = [image for image in found["changed"] if not image["tied"]]
    ties = len(found["changed"]) - len(changed)
    tied = f", {counted(ties, 'tie')}" if ties else ""
    cells = (
        f"`{name}`",
        f"{found['images'] - len(changed)} of {found['images']}{tied}",
        f"{found['worst_gap']:.1e}",
        percent(found["accuracy_before"], 1),
        percent(found["accuracy_after"], 1),
        f"{found['bytes'] / 1e6:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def section(results: dict[str, dict[str, Any]]) -> str:
    """Return the text with the table of all results."""
    known = [(name, results[name]) for name in MODELS if name in results]
    failed = [(name, found["failed"]) for name, found in known if "failed" in found]
    waiting = len(MODELS) - len(known)
    certified = [found for _, found in known if "failed" not in found]
    environment = certified[-1]["environment"]
    versions = ", ".join(
        f"{key} {environment[key]}" for key in ("torch", "onnx", "onnxscript", "onnxruntime", "timm")
    )
    changed = sum(sum(not image["tied"] for image in found["changed"]) for found in certified)
    largest = max(found["worst_gap"] for found in certified)
    lines = [
        f"{len(certified)} of {counted(len(known), 'architecture')} were exported with a certificate"
        f"{f'; {waiting} more are not measured yet' if waiting else ''}. "
        f"{counted(changed, 'image')} of {sum(found['images'] for found in certified):,} have another class, outside "
        f"ties of {TIE:g}; the largest difference of a probability is {largest:.1e}. Each model started from random "
        "weights and trained for 40 steps on `shapes`: most are hardly better than chance, so this table shows that "
        "the graphs compute the same numbers. The certificate of a trained model is a stronger test of its classes. "
        f"{TEST} test "
        f"images of 32x32 pixels, one CPU thread, {versions}.",
        "",
        "| model | images with the same class | largest difference of a probability | accuracy before | after | MB |",
        "| --- | --- | --- | --- | --- | --- |",
        *(row(name, found) for name, found in known),
    ]
    if failed:
        lines += ["", "Not exported:", "", *(f"- `{name}`: {reason}" for name, reason in failed)]
    options = [f"`{name}` {MODELS[name]}" for name, _ in known if MODELS[name]]
    lines += ["", f"Options that differ from the defaults: {'; '.join(options)}."]
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Measure what is missing, and write the section at the end."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "results.json"
    results: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for name, options in MODELS.items():
        if name not in results:
            results[name] = measured(name, options, folder)
            kept.write_text(json.dumps(results, indent=1))
            print(name, results[name].get("failed") or row(name, results[name]), flush=True)
    write_section("certificates", section(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
