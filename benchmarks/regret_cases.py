"""The cases of benchmarks/regret.py: networks, optimizers and grids of learning rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from regret_fresh import photos, source_run

from cvkit import RunParts, Splits, build_parts, discover
from cvkit.host.catalog import Catalog
from cvkit.recipe import Recipe, read_text, resolve

RECIPE = """
dataset: {name: cifar10, train_limit: 5000, test_limit: 2000}
augmentations: [{name: random_crop, padding: 4}, horizontal_flip, {name: cutout, size: 8}]
loss: {name: cross_entropy, label_smoothing: 0.1}
scheduler: {name: one_cycle}
train: {epochs: 3, batch_size: 64, channels_last: true, device: cpu}
"""
NETWORKS = {
    "custom_resnet 8 (batch norm)": "{name: custom_resnet, width: 8}",
    "timm test_resnet (batch norm)": "timm/test_resnet",
    "plain_conv (no norm)": "plain_conv",
    "custom_resnet 16 (batch norm)": "{name: custom_resnet, width: 16}",
    "timm test_efficientnet_gn (group norm)": "timm/test_efficientnet_gn",
}
FRESH_NETWORKS = {
    "timm test_vit (layer norm)": "timm/test_vit",
    "custom_resnet 32 (batch norm)": "{name: custom_resnet, width: 32}",
    "custom_resnet 16 fine-tuned": "{name: custom_resnet, width: 16}",
    "timm test_resnet on photos": "timm/test_resnet",
}
"""Networks, or ways to train them, that were not looked at while the tuner successive_halving was made."""


@dataclass(frozen=True)
class Setup:
    """An optimizer in the notation of recipes (`text`), its grid of peak rates, and the `usual` peak rate.

    `coarse` are exponents of ten, half a decade apart in the useful range; `fine` are exponents between the best.
    """

    text: str
    coarse: tuple[float, ...]
    fine: tuple[float, ...]
    usual: float


OPTIMIZERS = {
    "SGD": Setup(
        "{name: sgd, momentum: 0.9, nesterov: true, weight_decay: 5.0e-4}",
        coarse=(-3, -2, -1.5, -1, -0.5, 0, 0.5),
        fine=(-1.25, -0.75, -0.25),
        usual=0.4,
    ),
    "AdamW": Setup(
        "{name: adamw, weight_decay: 0.01}",
        coarse=(-4, -3.5, -3, -2.5, -2, -1.5, -1),
        fine=(-2.75, -2.25, -1.75),
        usual=1e-3,
    ),
}


MORE = {
    "custom_resnet 16 fine-tuned": ("finetune={{from: {data}/regret_source/source}}",),
    "timm test_resnet on photos": (
        "dataset={{name: image_folder, path: {data}/regret_photos, size: 64, framing: squash}}",
        "augmentations=[{{name: torchvision/RandomResizedCrop, scale: [0.35, 1.0]}}, horizontal_flip]",
        "train.epochs=8",
    ),
}
"""Further overrides of the fresh cases. The photos have 31 steps in an epoch."""

PREPARED: dict[str, Callable[[Path], Path]] = {
    "custom_resnet 16 fine-tuned": source_run,
    "timm test_resnet on photos": photos,
}
"""What makes the data of a fresh case, if they are not there."""


def rates_of(exponents: tuple[float, ...]) -> list[float]:
    """Return the powers of ten, rounded to three digits."""
    return [float(f"{10**exponent:.3g}") for exponent in exponents]


@dataclass(frozen=True)
class Case:
    """A combination of a network and an optimizer."""

    network: str
    optimizer: str

    def __str__(self) -> str:
        return f"{self.network}, {self.optimizer}"

    @property
    def setup(self) -> Setup:
        """The setup of its optimizer."""
        return OPTIMIZERS[self.optimizer]

    def recipe(self, seed: int, max_lr: float, data: Path) -> Recipe:
        """Return the recipe for one training."""
        overrides = [
            f"seed={seed}",
            f"model={(NETWORKS | FRESH_NETWORKS)[self.network]}",
            f"optimizer={self.setup.text}",
            f"scheduler.max_lr={max_lr}",
            *(text.format(data=data) for text in MORE.get(self.network, ())),
        ]
        return resolve(read_text(RECIPE, overrides), catalog())

    def run(self, seed: int, max_lr: float, data: Path) -> RunParts:
        """Return the parts of a run with the data in the folder `data`."""
        if self.network in PREPARED:
            PREPARED[self.network](data)
        recipe = self.recipe(seed, max_lr, data)
        return build_parts(recipe, splits(recipe, data))


CASES = [Case(network, optimizer) for network in NETWORKS for optimizer in OPTIMIZERS]
FRESH = [
    Case("timm test_vit (layer norm)", "AdamW"),
    Case("custom_resnet 32 (batch norm)", "SGD"),
    Case("custom_resnet 16 fine-tuned", "SGD"),
    Case("timm test_resnet on photos", "AdamW"),
]


@cache
def catalog() -> Catalog:
    """Return the catalog of installed plugins and the plain network."""
    return discover(paths=[Path(__file__).with_name("regret_nets.py")])


_opened: dict[tuple[Path, str], Splits] = {}


def splits(recipe: Recipe, data: Path) -> Splits:
    """Return the data set of the recipe, which is opened only once."""
    key = data, recipe.dataset.entry.id
    if key not in _opened:
        _opened[key] = recipe.dataset.build(data)
    return _opened[key]
