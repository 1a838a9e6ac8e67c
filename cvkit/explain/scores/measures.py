"""What is measured of an explanation, and what each number means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One number an image, or a pair of images, for each map.

    `group`: the table it belongs to. `meaning`: in a few words. `higher`: whether higher is better.
    `baselines_should_lose`: whether a map that knows nothing of the model should do worse, so that baselines are to
    be beaten; where not, they show which score comes for nothing.
    """

    name: str
    group: str
    meaning: str
    higher: bool = True
    baselines_should_lose: bool = True


PLACE, MODEL, WEIGHTS, MIRROR = "place", "model", "weights", "mirror"

POINTING = Measure("pointing game", PLACE, "how often the single highest pixel is on the object")
ENERGY = Measure("energy in mask", PLACE, "the share of the map that lies on the object")
OVERLAP = Measure("top-k IoU", PLACE, "overlap of the object with as many of the highest pixels")
SWAP = Measure("two objects", MODEL, "how often the maps for two objects in one image lie each on its own")
DELETION = Measure("deletion", MODEL, "mean probability of the class as the highest pixels go first", higher=False)
INSERTION = Measure("insertion", MODEL, "mean probability of the class as the highest pixels come first")
RANDOMISATION = Measure(
    "new weights", WEIGHTS, "rank correlation with the map once late weights are drawn anew", False, False
)
FLIP = Measure(
    "mirror", MIRROR, "rank correlation with the mirrored image's map, mirrored back", baselines_should_lose=False
)

MEASURES = (POINTING, ENERGY, OVERLAP, SWAP, DELETION, INSERTION, RANDOMISATION, FLIP)
