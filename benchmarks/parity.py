"""Compare maps with those of pytorch-grad-cam, torchcam and captum, in one table per library.

    python benchmarks/parity.py             print the tables
    python benchmarks/parity.py --write     write them to docs/results.md

The rows of a table are architectures, and its columns are methods. Weights are random, the running statistics are
those of noise, and two images of noise are explained for two classes.

Each cell is the largest absolute difference between all maps that can be compared. These are the final maps with the
preset of the library, the rectified maps of torchcam before normalisation, and the signed maps of captum and
pytorch-grad-cam. pytorch-grad-cam adds numbers in another order, so its maps differ by rounding of float32, which is
proportional to the range of the signed map. Therefore its differences are given as fractions of this range. For its
final maps, the fraction takes into account that the stretch to [0, 1] enlarges a difference by the ratio of the range
to the highest positive value.

If a library is known to be wrong, the cell refers to the test that shows it. Any other difference above the tolerance
of the library ends the command with an error.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytorch_grad_cam
import timm
import torch
import torchcam.methods
import torchvision
from captum.attr import LayerAttribution, LayerGradCam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from section import write_section
from torch import Tensor, nn

from cvkit import DataInfo
from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.explanation import Explanation
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.grad_cam_pp import grad_cam_pp
from cvkit_gradcam.hires_cam import hires_cam
from cvkit_gradcam.layer_cam import layer_cam
from cvkit_gradcam.score_cam import score_cam
from cvkit_resnet.network import custom_resnet

CLASSES = 10
LETTERS = "abcdefgh"
TARGETS = torch.tensor([3, 7])
ENLARGED, FACTOR = "Grad-CAM++, logits x 1e5", 1e5
TOLERANCE = {"pytorch-grad-cam": 1e-5, "torchcam": 0.0, "captum": 0.0}
METHODS = {
    "Grad-CAM": grad_cam,
    "HiResCAM": hires_cam,
    "LayerCAM": layer_cam,
    "Grad-CAM++": grad_cam_pp,
    ENLARGED: grad_cam_pp,
    "Eigen-CAM": eigen_cam,
    "Score-CAM": score_cam,
}
THEIRS = {
    "pytorch-grad-cam": dict(
        zip(
            METHODS,
            ("GradCAM", "HiResCAM", "LayerCAM", "GradCAMPlusPlus", "GradCAMPlusPlus", "EigenCAM", "ScoreCAM"),
            strict=True,
        )
    ),
    "torchcam": {"Grad-CAM": "GradCAM", "LayerCAM": "LayerCAM", "Grad-CAM++": "GradCAMpp", "Score-CAM": "ScoreCAM"},
    "captum": {"Grad-CAM": "LayerGradCam"},
}
IN_PLACE = "reads_an_activation_that_an_in_place_relu_has_changed"
FAULTS = {
    ("pytorch-grad-cam", "Grad-CAM++"): "test_constant_in_pytorch_grad_cams_plus_plus_drowns_small_gradients",
    ("pytorch-grad-cam", "Eigen-CAM"): "test_pytorch_grad_cam_centres_the_activation_for_its_eigen_cam",
    ("pytorch-grad-cam", "Score-CAM"): (
        "test_pytorch_grad_cam_aligns_corners_when_it_resizes_the_masks_of_score_cam"
    ),
    ("torchcam", "Grad-CAM++"): "test_torchcams_plus_plus_never_applies_its_denominator",
    ("torchcam", "Score-CAM"): "test_torchcam_stretches_the_masks_of_score_cam_before_it_resizes_them",
}


class Architecture(NamedTuple):
    """A function that builds a model, the layer to explain, and the height and width of its images."""

    make: Callable[[], nn.Module]
    layer: str
    size: tuple[int, int]
    small: bool = False
    """Whether to compare Score-CAM too, which needs a forward pass for each channel."""
    before_in_place: bool = False
    """Whether a ReLU changes the output of the layer in place."""


class Scaled(nn.Module):
    """A network whose logits, and therefore gradients, are multiplied by a factor."""

    def __init__(self, network: nn.Module, factor: float) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, images: Tensor) -> Tensor:
        """Return the multiplied logits."""
        logits: Tensor = self.network(images) * self.factor
        return logits


def resnet_of_cvkit(height: int, width: int) -> nn.Module:
    """Return the custom ResNet for images of the given size."""
    info = DataInfo(3, height, width, tuple(map(str, range(CLASSES))), (0.5,) * 3, (0.25,) * 3)
    return custom_resnet(info, width=16)


def of_torchvision(name: str) -> Callable[[], nn.Module]:
    """Return a function that builds the torchvision model `name`."""
    return partial(torchvision.models.get_model, name, weights=None, num_classes=CLASSES)


ARCHITECTURES = {
    "custom ResNet 32x32": Architecture(partial(resnet_of_cvkit, 32, 32), "layer3", (32, 32), small=True),
    "custom ResNet 64x96": Architecture(partial(resnet_of_cvkit, 64, 96), "layer3", (64, 96), small=True),
    "resnet18 128x96": Architecture(of_torchvision("resnet18"), "layer4", (128, 96)),
    "vgg11_bn 64x96": Architecture(of_torchvision("vgg11_bn"), "features.27", (64, 96)),
    "mobilenet_v3_small 96x64": Architecture(of_torchvision("mobilenet_v3_small"), "features", (96, 64)),
    "convnext_tiny 64x96": Architecture(of_torchvision("convnext_tiny"), "features", (64, 96)),
    "timm resnet10t 64x96": Architecture(
        partial(timm.create_model, "resnet10t", num_classes=CLASSES), "layer4", (64, 96), small=True
    ),
    "densenet121 64x96": Architecture(of_torchvision("densenet121"), "features.denseblock4", (64, 96)),
    "efficientnet_v2_s 64x96": Architecture(of_torchvision("efficientnet_v2_s"), "features", (64, 96)),
    "densenet121, in place": Architecture(of_torchvision("densenet121"), "features", (64, 96), before_in_place=True),
}


def main() -> None:
    """Compare all maps, and print the tables or write them to docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables to docs/results.md")
    parser.add_argument("--only", help="compare only architectures whose name contains this text")
    parser.add_argument("--score-cam", action="store_true", help="compare Score-CAM on the large networks too")
    arguments = parser.parse_args()
    chosen = {
        name: one._replace(small=one.small or arguments.score_cam)
        for name, one in ARCHITECTURES.items()
        if (arguments.only or "") in name
    }
    text = "\n\n".join([heading(), *(table(library, chosen) for library in THEIRS)])
    if arguments.write:
        write_section("parity", text)
    else:
        print(text)


def heading() -> str:
    """Return the command, the versions and the conditions of the comparison."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("grad-cam", "torchcam", "captum", "torch", "torchvision", "timm")
    )
    return (
        f"`python benchmarks/parity.py --write`, {datetime.date.today()}, CPU, threads: {torch.get_num_threads()}; "
        f"{versions}. Largest absolute differences between maps; those of pytorch-grad-cam are fractions of "
        "the range of the signed map. Weights are random; two images of noise are explained. "
        "Differences in bold are errors of the library; the letter refers to the test that shows the error."
    )


def table(library: str, architectures: dict[str, Architecture]) -> str:
    """Return the table of a library, architectures by methods, and the tests that show its errors."""
    offered = THEIRS[library]
    lacking = [method for method in METHODS if method not in offered and method != ENLARGED]
    faults: list[str] = []
    rows = []
    for name, architecture in architectures.items():
        cells = [name]
        for method, found in differences(library, architecture):
            cells.append("not run" if found is None else f"{found:.1e}" if found else "0")
            if found is not None and found > TOLERANCE[library]:
                test = fault(library, method, architecture)
                if test not in faults:
                    faults.append(test)
                cells[-1] = f"**{cells[-1]}** {LETTERS[faults.index(test)]}"
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(
        [
            f"**{library}**, tolerance {TOLERANCE[library]:g}; not offered: {', '.join(lacking) or 'nothing'}.",
            "",
            f"| | {' | '.join(offered)} |",
            f"| --- |{' --- |' * len(offered)}",
            *rows,
            "",
            *(f"- {letter}: `{test}`" for letter, test in zip(LETTERS, faults, strict=False)),
        ]
    ).strip()


def differences(library: str, architecture: Architecture) -> Iterator[tuple[str, float | None]]:
    """Yield each method of a library and the largest difference of its maps, or None if it is not run."""
    torch.manual_seed(0)
    model = warmed(architecture)
    images = torch.randn(len(TARGETS), 3, *architecture.size)
    for method in THEIRS[library]:
        run = architecture.small or method != "Score-CAM"
        yield method, difference(library, method, model, architecture.layer, images) if run else None


def fault(library: str, method: str, architecture: Architecture) -> str:
    """Return the test that shows why these maps differ; end the command with an error if there is none."""
    if known := FAULTS.get((library, method)):
        return known
    if architecture.before_in_place:
        return f"test_{library.replace('-', '_')}_{IN_PLACE}"
    raise SystemExit(
        f"{method} of {library} differs at {architecture.layer} of {architecture.make}, and no test explains why"
    )


def warmed(architecture: Architecture) -> nn.Module:
    """Return a model in evaluation mode whose running statistics are those of noise."""
    model = architecture.make().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # uses the plain mean; mobilenet's momentum of 0.01 would need hundreds of batches
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(8, 3, *architecture.size))
    return model.eval()


def difference(library: str, method: str, model: nn.Module, layer: str, images: Tensor) -> float:
    """Return the largest difference between the maps of a library and those of cvkit."""
    model = Scaled(model, FACTOR if method == ENLARGED else 1.0).eval()
    layer = f"network.{layer}"
    ours = METHODS[method](model, layer=layer, compat=library).explain(images, TARGETS)
    if not ours.maps.any():
        raise SystemExit(f"the maps of {method} at {layer} are zero, so a comparison has no meaning")
    compare = {
        "pytorch-grad-cam": pairs_of_pytorch_grad_cam,
        "torchcam": pairs_of_torchcam,
        "captum": pairs_of_captum,
    }
    with contextlib.redirect_stderr(io.StringIO()):  # hides the progress bars of Score-CAM
        pairs = list(compare[library](THEIRS[library][method], model, layer, images, ours))
    return max(float(((one - other).abs() / unit).max()) for one, other, unit in pairs)


ONE = torch.ones(())
Pairs = Iterator[tuple[Tensor, Tensor, Tensor]]
"""Two maps, and the unit of their difference."""


def pairs_of_pytorch_grad_cam(name: str, model: nn.Module, layer: str, images: Tensor, ours: Explanation) -> Pairs:
    """Yield the signed maps, in units of their range, and the final maps, in units of the stretch to [0, 1]."""
    signed: list[Tensor] = []
    with getattr(pytorch_grad_cam, name)(model, [model.get_submodule(layer)]) as cam:
        made = cam.get_cam_image

        def kept(*arguments: Any, **options: Any) -> Any:
            signed.append(torch.from_numpy(found := made(*arguments, **options)).clone())
            return found

        cam.get_cam_image = kept
        theirs = torch.from_numpy(cam(images, [ClassifierOutputTarget(int(target)) for target in TARGETS]))
    high, low = ours.raw.amax((1, 2), keepdim=True), ours.raw.amin((1, 2), keepdim=True)
    if name not in ("EigenCAM", "ScoreCAM"):  # the sign of the first is random, the scale of the second differs
        yield ours.raw, signed[0], high - low
    yield ours.maps, theirs, torch.where(high > 0, (high - low) / high, 1.0).clamp(min=1.0)


def pairs_of_torchcam(name: str, model: nn.Module, layer: str, images: Tensor, ours: Explanation) -> Pairs:
    """Yield the rectified maps, and the normalised maps at the image size."""
    with getattr(torchcam.methods, name)(model, layer) as cam:
        low = [cam(TARGETS.tolist(), model(images), normalized=normalized)[0] for normalized in (False, True)]
    yield ours.rectified, low[0], ONE
    size = tuple(images.shape[-2:])
    yield ours.maps, torchcam.methods.GradCAM.fuse_cams(low[1:] * 2, size), ONE  # a single map is not resized


def pairs_of_captum(name: str, model: nn.Module, layer: str, images: Tensor, ours: Explanation) -> Pairs:
    """Yield the signed maps, at the resolution of the layer and at the image size."""
    low = LayerGradCam(model, model.get_submodule(layer)).attribute(images, target=TARGETS).detach()
    yield ours.raw, low[:, 0], ONE
    yield ours.maps, LayerAttribution.interpolate(low, tuple(images.shape[-2:]), "bilinear")[:, 0], ONE


if __name__ == "__main__":
    main()
