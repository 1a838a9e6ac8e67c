"""What may be said of an explainer whose maps were compared before and after late weights were drawn anew."""

from __future__ import annotations

from enum import StrEnum

from .bootstrap import Estimate

FOLLOWS = 0.5
"""The rank correlation below which maps are said to follow the weights.

It lies in the gap measured between methods made of the class's gradients (at most 0.48 in one draw) and those made of
activations. The section "When a map ignores the weights" of docs/results.md has each method's range, and how often a
verdict changes.
"""

IGNORES = 0.95
"""The rank correlation above which maps are said to ignore the weights.

Maps that never ask the model have 1, by construction; no method that asks it had more than 0.93 on any network
measured for docs/results.md.
"""

GRAD_CAM = "0.0 to 0.3"
"""The range of Grad-CAM's rank correlation, the mean of two or more draws, over the networks measured."""

CAVEAT = (
    "This check alone proves nothing. A low figure does not show that maps are right: noise drawn anew for each map "
    "would have 0. A high one does not show that they are wrong: weights drawn anew keep the scale of activations, "
    "so maps made of activations, as Eigen-CAM's are, can only change so far (Binder et al. 2023, arXiv 2211.12486)"
)


class Verdict(StrEnum):
    """Whether an explainer's maps change with the model's late weights, as far as the images and draws tell."""

    FOLLOWS = "follows"
    BETWEEN = "between"
    IGNORES = "ignores"

    @classmethod
    def of(cls, alike: Estimate) -> Verdict:
        """Return the verdict on maps whose rank correlation, before and after, is estimated to be `alike`.

        `FOLLOWS` and `IGNORES` only where the whole interval is clear of the bound.
        """
        if alike.below(FOLLOWS):
            return cls.FOLLOWS
        return cls.IGNORES if alike.above(IGNORES) else cls.BETWEEN


def bounds() -> str:
    """Return what the verdicts mean, for the caption of a table that has them."""
    return (
        f"A map follows the weights where the whole interval, over images and draws, is below {FOLLOWS:g}, and "
        f"ignores them where it is above {IGNORES:g}; between, the check cannot tell. For comparison, Grad-CAM had "
        f"{GRAD_CAM} on the networks measured for docs/results.md; maps that never ask the model have 1. {CAVEAT}."
    )


def ignores_weights(name: str, alike: Estimate) -> str:
    """Return the warning of an explainer whose maps ignore the weights."""
    return (
        f"{name} ignores the model's last weights: with a quarter of all drawn anew its maps stay as they were (rank "
        f"correlation {alike.mean:.2f}, 95 % interval {alike.low:.2f} to {alike.high:.2f}; maps that never ask the "
        f"model have 1, Grad-CAM had {GRAD_CAM} on the networks measured), so they show little of what these layers "
        "have learnt"
    )
