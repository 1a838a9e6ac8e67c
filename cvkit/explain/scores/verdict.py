"""The verdict on an explainer, from a comparison of its maps before and after the late weights are randomized."""

from __future__ import annotations

from enum import StrEnum

from .bootstrap import Estimate

FOLLOWS = 0.5
"""Maps with a rank correlation below this bound depend on the weights.

The bound lies in a measured gap between methods that use gradients of the class (at most 0.48 in one draw) and
methods that use activations. The section "When a map ignores the weights" of docs/results.md reports the range of
each method, and how often a verdict changes.
"""

IGNORES = 0.95
"""Maps with a rank correlation above this bound ignore the weights.

Maps that do not use the model have 1 by construction. No method that uses it had more than 0.93 on any network
measured for docs/results.md.
"""

GRAD_CAM = "0.0 to 0.3"
"""The range of Grad-CAM's rank correlation over the networks measured, as a mean of two or more draws."""

_CAVEAT = (
    "The check alone proves nothing: random noise would have 0, and maps that use only activations, such as those of "
    "Eigen-CAM, change little although they are not wrong (Binder et al. 2023, arXiv:2211.12486)"
)


class Verdict(StrEnum):
    """Whether an explainer's maps depend on the model's late weights, as far as the measurements show."""

    FOLLOWS = "follows"
    BETWEEN = "between"
    IGNORES = "ignores"

    @classmethod
    def of(cls, alike: Estimate) -> Verdict:
        """Return the verdict on maps whose rank correlation before and after is estimated to be `alike`.

        `FOLLOWS` and `IGNORES` require that the interval lies entirely on one side of the bound.
        """
        if alike.below(FOLLOWS):
            return cls.FOLLOWS
        return cls.IGNORES if alike.above(IGNORES) else cls.BETWEEN


def bounds() -> str:
    """Return the meaning of the verdicts, for the caption of a table that contains them."""
    return (
        f"Verdict: a map follows the weights if its interval is entirely below {FOLLOWS:g}, and ignores them if it "
        f"is entirely above {IGNORES:g}; in between, the check is inconclusive. {_CAVEAT}."
    )


def ignores_weights(name: str, alike: Estimate) -> str:
    """Return the warning about an explainer whose maps ignore the weights."""
    return (
        f"{name} ignores the model's last weights: after a quarter of all weights is randomized, its maps "
        f"hardly change (rank correlation {alike.mean:.2f}, 95 % interval {alike.low:.2f} to {alike.high:.2f}; "
        f"maps that do not use the model have 1, and Grad-CAM had {GRAD_CAM} on the networks measured). So the "
        "maps show little of what these layers have learned"
    )
