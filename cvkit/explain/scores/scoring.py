"""Score explanations: compute every applicable measure on the same images, with baselines for comparison."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ...errors import RunError, one_line
from ...phases import phase
from ...seeding import permutation
from ..explainers import Explainers
from .deletion_insertion import STEPS, deletion, insertion
from .maps import Maps, explained
from .mask_metrics import energy_in_mask, top_k_iou
from .measures import DELETION, ENERGY, FLIP, INSERTION, OVERLAP, POINTING, RANDOMISATION, SWAP
from .pointing_game import pointing_game
from .rank_correlation import rank_correlation
from .result import Scored, Scores
from .two_object_test import paired, swapped
from .weight_randomization import under_new_weights


def score(
    explainers: Explainers, images: Tensor, labels: Tensor, masks: Tensor | None = None, *, at_most: int = 500
) -> Scores:
    """Return the scores of `explainers` and of every baseline on up to `at_most` images selected by the run's seed.

    `images` are uint8 (N, C, H, W), and `labels`, int64 (N,), are the classes to explain. `masks`, bool (N, H, W),
    show the objects; without them, measures that need masks are omitted. An explainer that fails is omitted from then
    on. Raises `RunError` if there are fewer than two images.
    """
    if len(images) < 2:
        raise RunError(f"scoring explanations requires at least two images, but there are {len(images)}")
    chosen = permutation(len(images), "images scored", explainers.trained.seed)[:at_most]
    images, labels = images[chosen], labels[chosen]
    right = explainers.trained.prediction_rule.includes(explainers.trained.logits(images), labels)
    accuracy = float(right.double().mean())
    maps = explained(explainers, images, labels)
    scored: list[Scored] = []
    if masks is not None:
        scored += on_objects(maps, masks[chosen])
        if not explainers.trained.prediction_rule.several:  # the pairs are pasted together from images of one object
            scored += _of_pairs(explainers, images, labels, masks[chosen])
    scored += _by_removal(explainers, maps, images, labels)
    scored += _under_change(explainers, maps, images, labels)
    signed = frozenset(explainers.signed & {name for found in scored for name in found.estimates})
    return Scores(len(images), accuracy, tuple(scored), signed)


def on_objects(maps: Maps, masks: Tensor) -> list[Scored]:
    """Return the measures that compare `maps` with nonempty masks, bool (N, H, W); none if all masks are empty."""
    if not masks.any():
        return []
    measures = ((POINTING, pointing_game), (ENERGY, energy_in_mask), (OVERLAP, top_k_iou))
    return [
        Scored.of(measure, {name: measured(of_name, masks) for name, of_name in maps.items()})
        for measure, measured in measures
    ]


def _of_pairs(explainers: Explainers, images: Tensor, labels: Tensor, masks: Tensor) -> Iterator[Scored]:
    pairs = paired(images, labels, masks).recognised(explainers.trained)
    if len(pairs):
        first, second = (explained(explainers, pairs.images, targets) for targets in pairs.labels)
        both = [name for name in first if name in second]
        yield Scored.of(SWAP, {name: swapped(first[name], second[name], pairs) for name in both})


def _by_removal(explainers: Explainers, maps: Maps, images: Tensor, labels: Tensor) -> Iterator[Scored]:
    for measure, measured in ((DELETION, deletion), (INSERTION, insertion)):
        with phase(f"scoring: {measure.name}", len(maps) * (STEPS + 1), noun="step"):
            values = {name: measured(explainers.trained, images, labels, of_name) for name, of_name in maps.items()}
        yield Scored.of(measure, values)


def _under_change(explainers: Explainers, maps: Maps, images: Tensor, labels: Tensor) -> Iterator[Scored]:
    with phase("scoring: other weights"):
        alike = under_new_weights(explainers, images, labels, maps)
    yield Scored.of(RANDOMISATION, alike)
    mirrored = explained(explainers, images.flip(-1), labels)
    back = {name: rank_correlation(maps[name], mirrored[name].flip(-1)) for name in maps if name in mirrored}
    yield Scored.of(FLIP, back)


def weights_check(explainers: Explainers, images: Tensor, targets: Tensor) -> tuple[list[Scored], list[str]]:
    """Return the scores that show whether maps depend on the late weights, and warnings. It never raises.

    `images` are uint8 (n, C, H, W), of which about 32 are enough, and `targets` int64 (n,). Each image is explained
    four times. If nothing could be measured, the list is empty and a warning reports why.
    """
    try:
        maps = explained(explainers, images, targets)
        found = Scored.of(RANDOMISATION, under_new_weights(explainers, images, targets, maps))
    except Exception as error:
        return [], [f"could not check whether the maps depend on the model's weights: {one_line(error)}"]
    lost = [name for name in maps if name not in found.estimates]
    return [found], [*found.warnings, *map(_not_checked, lost)]


def _not_checked(name: str) -> str:
    return f"could not check whether the maps of {name} depend on the model's weights: it fails with other weights"
