"""Our rule: the lowest rate by which the loss has done most of its fall; and when no rate can be told."""

from __future__ import annotations

from dataclasses import dataclass

from .curve import PATIENCE, Floats, sigma_of, smoothed_losses, uncertainty

SHARE = 0.9
"""Share of the loss's whole fall that is done at the rate proposed."""

REST = 0.2
"""Share of a sweep over which the loss must have rested at its lowest, where it does not rise before the end."""

LEAST = 1e-6
"""The least fall that counts, as a share of the loss: a float32 tells no smaller one from its rounding."""


@dataclass(frozen=True)
class Fall:
    """Where a smoothed curve falls: from index `top` to index `bottom`, over `curve`, float64 (m,)."""

    curve: Floats
    top: int
    bottom: int

    @property
    def depth(self) -> float:
        """By how much the loss falls."""
        return float(self.curve[self.top] - self.curve[self.bottom])

    def knee(self) -> int:
        """Return the first index at which `SHARE` of the fall is done.

        The minimum itself is no guide: networks with batch norm go on at nearly the same loss over a decade of
        rates beyond.
        """
        done = self.curve[self.top : self.bottom + 1] <= self.curve[self.top] - SHARE * self.depth
        return self.top + int(done.argmax())


def fall_of(rates: Floats, losses: Floats) -> Fall:
    """Return the fall of the losses to their lowest: from the highest point before it, both smoothed."""
    curve = smoothed_losses(losses, sigma_of(len(rates)))
    bottom = int(curve.argmin())
    return Fall(curve, int(curve[: bottom + 1].argmax()), bottom)


def sweep_problem(rates: Floats, losses: Floats) -> str:
    """Return why a sweep tells no rate, by any rule, or "" where it does.

    It tells none where it was never finite, diverged at once or did not clearly fall, and where it still fell at the
    last of the planned `rates`. It may end without a divergence: where the loss came to rest, the knee stands.
    """
    if not len(losses):
        return "the loss was not finite at the first step, before the weights had moved"
    if len(losses) <= 2 * PATIENCE:
        return f"the loss diverged within {len(losses)} steps, so the sweep should start at a lower rate"
    fall = fall_of(rates, losses)
    # Pure noise spans about 3 standard errors from its lowest to its highest smoothed point; 6 is a clear fall.
    if fall.depth <= max(6 * uncertainty(losses, sigma_of(len(rates))), LEAST * fall.curve[fall.top]):
        return "the loss did not clearly fall at any rate"
    if fall.bottom >= len(rates) - PATIENCE and fall.knee() > (1 - REST) * len(rates):
        return f"the loss still falls at the last rate ({rates[-1]:.3g}), so the sweep is too short: raise end_lr"
    return ""


def knee(rates: Floats, losses: Floats) -> float | None:
    """Return the lowest rate at which the smoothed loss has done `SHARE` of its fall; None on a `sweep_problem`."""
    return None if sweep_problem(rates, losses) else float(rates[fall_of(rates, losses).knee()])
