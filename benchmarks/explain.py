"""Compare the time of a forward pass, of Grad-CAM in cvkit and of Grad-CAM in pytorch-grad-cam in one process.

    python benchmarks/explain.py                          both cases at full size
    python benchmarks/explain.py --rounds 3 --width 8 --side 64 --cifar-batch 8 --batch 2      small

The two cases are a batch of 64 images of 3x32x32 on the custom ResNet, and a batch of 8 images of 3x224x224 on timm's
resnet50. Weights and images are random, because the benchmark measures only time and the difference between the maps.
Both Grad-CAMs explain the last convolutional stage. In each round, the three contestants run one after another in a
rotating order. The benchmark reports the median, the smallest and the largest ratio over the rounds, so changes in
the speed of the machine do not favour any contestant.
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
    parser.add_argument("--width", type=int, default=64, help="width of the custom ResNet")
    parser.add_argument("--cifar-batch", type=int, default=64, help="batch size for the custom ResNet")
    parser.add_argument("--batch", type=int, default=8, help="batch size for resnet50")
    parser.add_argument("--side", type=int, default=224, help="height and width of the images for resnet50")
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
    """Return the networks by title, each with the layer to explain and its images."""
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
    """Return the functions to time, by name, and print the largest difference between the maps."""
    from pytorch_grad_cam import GradCAM  # only this comparison requires it
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = torch.arange(len(images), device=images.device) % CLASSES
    ours = grad_cam(model, layer=layer, normalize="minmax")
    reference = GradCAM(model, [model.get_submodule(layer)])
    wanted = [ClassifierOutputTarget(target) for target in targets.tolist()]

    def explain_by_reference() -> object:
        """Return the maps of pytorch-grad-cam, with its hooks only during the call."""
        with GradCAM(model, [model.get_submodule(layer)]) as cam:
            return cam(images, wanted)

    difference = abs(ours(images, targets).cpu().numpy() - reference(images, wanted)).max()
    print(f"largest difference between the maps: {difference:.1e}")
    reference.activations_and_grads.release()  # its hooks would slow down the other two contestants
    return {
        "forward": torch.no_grad()(partial(model, images)),
        "cvkit": partial(ours, images, targets),
        "pytorch-grad-cam": explain_by_reference,
    }


def report(seconds: dict[str, list[float]], images: int) -> None:
    """Print the medians, images/s, and the time of each contestant relative to the forward pass and to cvkit."""
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
