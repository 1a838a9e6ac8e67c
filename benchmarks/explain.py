"""What Grad-CAM costs: a plain forward pass, cvkit and pytorch-grad-cam, side by side in one process.

    python benchmarks/explain.py                          both cases at full size, as the issue states them
    python benchmarks/explain.py --rounds 3 --width 8 --side 64 --cifar-batch 8 --batch 2      small

Two cases: a batch of 64 images of 3x32x32 on the custom ResNet, and of 8 at 224x224 on timm's resnet50, weights and
images random: only time is measured here, and that the maps are equal. All three look at the last convolutional
stage. They take turns, round by round, in an order that moves on each round, and the medians of each round's ratios
are reported with their smallest and largest, so that a machine whose speed drifts favours nobody.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import timm
import torch
from rounds import ratios, take_turns
from torch import Tensor, nn

from cvkit import DataInfo
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_resnet.network import custom_resnet

Contestants = dict[str, Callable[[], object]]
CLASSES = 10


def main() -> None:
    """Measure both cases and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--width", type=int, default=64, help="of the custom ResNet")
    parser.add_argument("--cifar-batch", type=int, default=64, help="images of 32x32")
    parser.add_argument("--batch", type=int, default=8, help="images for resnet50")
    parser.add_argument("--side", type=int, default=224, help="of resnet50's images")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    device = torch.device(arguments.device)
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads, {arguments.rounds} rounds")
    sizes = (arguments.width, arguments.cifar_batch, arguments.batch, arguments.side)
    for title, (model, layer, images) in cases(*sizes).items():
        print(f"\n{title}, batch {' x '.join(map(str, images.shape))}")
        rivals = contestants(model.to(device).eval(), layer, images.to(device))
        report(take_turns(rivals, arguments.rounds, device), len(images))


def cases(width: int, cifar_batch: int, batch: int, side: int) -> dict[str, tuple[nn.Module, str, Tensor]]:
    """Return the networks to explain by title, each with the layer to look at and its images."""
    info = DataInfo(3, 32, 32, tuple(map(str, range(CLASSES))), (0.5,) * 3, (0.25,) * 3)
    return {
        f"custom ResNet, width {width}": (
            custom_resnet(info, width=width),
            "layer3",
            torch.randn(cifar_batch, 3, 32, 32),
        ),
        "timm resnet50": (
            timm.create_model("resnet50", num_classes=CLASSES),
            "layer4",
            torch.randn(batch, 3, side, side),
        ),
    }


def contestants(model: nn.Module, layer: str, images: Tensor) -> Contestants:
    """Return what is timed, by name, having said by how much the two kinds of maps differ."""
    from pytorch_grad_cam import GradCAM  # which only this comparison needs
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = torch.arange(len(images), device=images.device) % CLASSES
    ours = grad_cam(model, layer=layer, normalize="minmax")
    reference = GradCAM(model, [model.get_submodule(layer)])
    wanted = [ClassifierOutputTarget(target) for target in targets.tolist()]

    def explain_by_reference() -> object:
        """Return pytorch-grad-cam's maps, its hooks held for as long as it needs them."""
        with GradCAM(model, [model.get_submodule(layer)]) as cam:
            return cam(images, wanted)

    difference = abs(ours(images, targets).cpu().numpy() - reference(images, wanted)).max()
    print(f"largest difference between the maps: {difference:.1e}")
    reference.activations_and_grads.release()  # its hooks would cost the other two their time
    return {
        "forward": torch.no_grad()(partial(model, images)),
        "cvkit": partial(ours, images, targets),
        "pytorch-grad-cam": explain_by_reference,
    }


def report(seconds: dict[str, list[float]], images: int) -> None:
    """Print medians, images/s, and each contestant's time as a multiple of the forward pass's and of cvkit's."""
    print(
        f"{'':<18}{'ms':>9}{'images/s':>10}{'x forward':>12}{'min':>7}{'max':>7}{'x cvkit':>10}{'min':>7}{'max':>7}"
    )
    for name, values in seconds.items():
        median = statistics.median(values)
        row = f"{name:<18}{1e3 * median:>9.1f}{images / median:>10,.0f}"
        for base, width in (("forward", 12), ("cvkit", 10)):
            middle, least, greatest = ratios(values, seconds[base])
            row += f"{middle:>{width}.2f}{least:>7.2f}{greatest:>7.2f}"
        print(row)


if __name__ == "__main__":
    main()
