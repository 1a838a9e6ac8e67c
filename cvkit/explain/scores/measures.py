"""The measures of an explanation, and the meaning of each number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A number for each image, or for each pair of images, and each map.

    Attributes:
        name: The name in tables and JSON.
        group: The table that contains the measure.
        meaning: A short definition.
        higher: Whether higher is better.
        baselines_should_lose: Whether a map that does not use the model should score worse, so that explainers
            have to beat the baselines. If false, the baselines only show which score requires no knowledge of the
            model.
    """

    name: str
    group: str
    meaning: str
    higher: bool = True
    baselines_should_lose: bool = True


PLACE, MODEL, WEIGHTS, MIRROR = "place", "model", "weights", "mirror"

POINTING = Measure("pointing game", PLACE, "how often the single highest pixel lies on the object")
ENERGY = Measure("energy in mask", PLACE, "the share of the map that lies on the object")
OVERLAP = Measure("top-k IoU", PLACE, "overlap of the object with an equal number of the highest pixels")
SWAP = Measure("two objects", MODEL, "how often each of the maps for two objects in one image lies on its own object")
DELETION = Measure(
    "deletion", MODEL, "mean probability of the class when the highest pixels are removed first", higher=False
)
INSERTION = Measure("insertion", MODEL, "mean probability of the class when the highest pixels are added first")
RANDOMISATION = Measure(
    "new weights", WEIGHTS, "rank correlation with the map after the last weights are randomized", False, False
)
FLIP = Measure(
    "mirror",
    MIRROR,
    "rank correlation with the map of the mirrored image, mirrored back",
    baselines_should_lose=False,
)

MEASURES = (POINTING, ENERGY, OVERLAP, SWAP, DELETION, INSERTION, RANDOMISATION, FLIP)
