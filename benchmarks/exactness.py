"""Compare what 2 and 3 processes train and evaluate with what one process does, for each feature of a recipe.

    python benchmarks/exactness.py             about three minutes on two cores
    python benchmarks/exactness.py --write     into docs/results.md

The recipe is the one of `tests/world`: 65 images in batches of 8, so the last batch has 1 image, and one or two of
the processes have none of it. The processes are those of the tests, on a CPU over gloo, each with one thread.

    gradient     the largest difference of any element, in the first step and in the last step of an epoch
    weights      the largest difference of any weight after the run
    images       whether the network gets the same images in the same order, augmented to the same bits
    processes    whether all processes of a world have the same bits after the run
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # as torchrun does; before torch is imported
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

import torch
from dividing import BLENDED, REPEATED, SINGLE, UNEVEN, in_order, plain, stepping
from machine import Load, described
from section import write_section
from small import run_of
from worlds import together

from cvkit import EpochRecord, RunParts, Trainer, discover
from cvkit.engine.division import divided_model
from cvkit.engine.evaluator import Evaluator
from cvkit.errors import CvkitError
from cvkit.world.world import World

WORLDS = (1, 2, 3)
ONE_EPOCH = "train.epochs=1"


@dataclass(frozen=True)
class Feature:
    """A feature with the changes of the recipe; its network has batch normalisation only if that is compared."""

    title: str
    overrides: tuple[str, ...] = ()
    normalised: bool = False

    def parts(self) -> RunParts:
        """Return the parts of a run of one epoch."""
        overrides = (ONE_EPOCH, *self.overrides)
        return run_of(discover(), *UNEVEN, *overrides) if self.normalised else plain(*overrides)


STOPPING = ("train.epochs=8", "selection={metric: train_loss, patience: 1, min_change: 0.02}")
FEATURES = (
    Feature("SGD"),
    Feature("AdamW", ("optimizer={name: adamw, lr: 0.001}", "scheduler.max_lr=0.001")),
    Feature("Muon", ("optimizer={name: muon, lr: 0.001}", "scheduler.max_lr=0.001")),
    Feature("SAM, which computes each gradient twice", ("optimizer={name: sam, lr: 0.05}",)),
    Feature("`clip_norm: 0.01`", ("train.clip_norm=0.01",)),
    Feature("`accumulate: 2`", ("train.accumulate=2",)),
    Feature("`ema: 0.9`", ("train.ema=0.9",)),
    Feature("`kornia/ColorJiggle`, `random_crop`, `mixup`, `horizontal_flip`", (BLENDED,)),
    Feature("`cutmix`", ("augmentations=[{name: cutmix, p: 1.0}]",)),
    Feature("`torchvision/RandAugment`, in the loader", (SINGLE, "train.workers=1")),
    Feature("sampler `balanced`, which repeats images", (REPEATED,)),
    Feature("`precision: bf16`", ("train.precision=bf16",)),
    Feature("batch normalisation, statistics of each process", normalised=True),
    Feature("`sync_batch_norm: true`", ("train.sync_batch_norm=true",), normalised=True),
)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/results.md")
    arguments = parser.parse_args()
    load = Load()
    rows = []
    for feature in FEATURES:
        rows.append(row(feature))
        print(rows[-1], file=sys.stderr, flush=True)
    text = "\n".join(
        [
            described("python benchmarks/exactness.py", load),
            "",
            "| | gradient, first step, W = 2 | W = 3 | last step, W = 2 | W = 3 | weights, W = 2 | W = 3 | images "
            "| processes |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "| | W = 1 | W = 2 | W = 3 |",
            "| --- | --- | --- | --- |",
            *evaluation_rows(),
            early_stopping_row(),
        ]
    )
    print(text)
    if arguments.write:
        write_section("exactness", text)


def row(feature: Feature) -> str:
    """Return the row of a feature."""
    parts = feature.parts()
    try:
        divided_model(parts.model, World(0, 2), parts.recipe.train, parts.batching, parts.device)
    except CvkitError as refused:
        return f"| {feature.title} | refused: {refused} | | | | | | | |"
    (alone,), *others = [together(size, lambda world: taken(feature.parts(), world)) for size in WORLDS]
    cells = [
        f"{largest(of_ranks[0][what], alone[what]):.1e}"
        for what in ("first", "last", "weights")
        for of_ranks in others
    ]
    bits = all(
        torch.equal(in_order([rank[what] for rank in of_ranks]), torch.cat(alone[what]))
        for of_ranks in others
        for what in ("first images", "last images")
    )
    alike = all(same_bits(rank["weights"], of_ranks[0]["weights"]) for of_ranks in others for rank in of_ranks)
    return f"| {feature.title} | {' | '.join([*cells, said(bits), said(alike)])} |"


def taken(parts: RunParts, world: World) -> dict[str, Any]:
    """Return the gradients and images of the first and the last step, and all weights after the run."""
    found: dict[str, Any] = {}
    for name, first in (("first", 0), ("last", parts.batching.steps - 1)):
        step, _, images = stepping(parts, world, first)
        named = step.forward.model.named_parameters()
        found[name] = {key: weight.grad for key, weight in named if weight.grad is not None}
        found[f"{name} images"] = images
    own = replace(parts, world=world)
    for _ in Trainer(own).fit():
        pass
    found["weights"] = {
        key: value for key, value in own.trained_model.state_dict().items() if value.is_floating_point()
    }
    return found


def evaluation_rows() -> list[str]:
    """Return the rows of evaluations, of which each world must have the same bits."""
    rows = []
    for title, size, flip in (
        ("evaluation in batches of 4: logits, labels, loss", 4, False),
        ("in batches of 10, with the mirror images", 10, True),
        ("in one batch, so that one or two processes have none", 500, False),
    ):
        parts = run_of(discover(), *UNEVEN, f"evaluation.batch_size={size}")

        def work(world: World, parts: RunParts = parts, flip: bool = flip) -> Any:
            found = Evaluator(replace(parts, world=world)).predict("test", flip=flip)
            return {"logits": found.logits, "labels": found.labels, "loss": torch.tensor(found.loss)}

        (alone,), *others = [together(count, work) for count in WORLDS]
        cells = [said(all(same_bits(rank, alone) for rank in of_ranks)) for of_ranks in others]
        rows.append(f"| {title} | | {' | '.join(cells)} |")
    return rows


def early_stopping_row() -> str:
    """Return the row of the epoch after which a run stops early, the same in all processes."""

    def work(world: World) -> int:
        parts = plain(*STOPPING)
        return sum(isinstance(event, EpochRecord) for event in Trainer(replace(parts, world=world)).fit())

    found = [together(count, work) for count in WORLDS]
    assert 1 < found[0][0] < 8, "the run does not stop early"
    cells = [", ".join(map(str, dict.fromkeys(each))) for each in found]
    return f"| early stopping by the loss: epochs of 8 that were trained | {' | '.join(cells)} |"


def largest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Return the largest difference of tensors with the same names."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().nan_to_num(0).max()) for name in one)


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether tensors with the same names have the same bits."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def said(same: bool) -> str:
    """Return what a table says."""
    return "same bits" if same else "**not the same**"


if __name__ == "__main__":
    main()
