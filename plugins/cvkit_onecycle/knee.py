"""cvkit's rule: the lowest learning rate at which the loss has completed most of its decrease."""

from __future__ import annotations

from dataclasses import dataclass

from .curve import PATIENCE, Floats, sigma_of, smoothed_losses, uncertainty

SHARE = 0.9
"""Fraction of the total decrease of the loss that is completed at the proposed rate."""

REST = 0.2
"""Fraction of a sweep for which the loss must stay near its minimum if it does not rise before the end."""

LEAST = 1e-6
"""Smallest decrease that counts, as a fraction of the loss; a smaller one may be rounding of float32."""


@dataclass(frozen=True)
class Fall:
    """The decrease of a smoothed loss `curve`, float64 (m,), from index `top` to index `bottom`."""

    curve: Floats
    top: int
    bottom: int

    @property
    def depth(self) -> float:
        """The size of the decrease."""
        return float(self.curve[self.top] - self.curve[self.bottom])

    def knee(self) -> int:
        """Return the first index at which `SHARE` of the decrease is completed.

        The minimum itself is not a good choice: networks with batch norm keep almost the same loss over another
        decade of rates.
        """
        done = self.curve[self.top : self.bottom + 1] <= self.curve[self.top] - SHARE * self.depth
        return self.top + int(done.argmax())


def fall_of(rates: Floats, losses: Floats) -> Fall:
    """Return the decrease of the smoothed losses, from their highest point before the minimum to the minimum."""
    curve = smoothed_losses(losses, sigma_of(len(rates)))
    bottom = int(curve.argmin())
    return Fall(curve, int(curve[: bottom + 1].argmax()), bottom)


def sweep_problem(rates: Floats, losses: Floats) -> str:
    """Return why no rule can find a rate in a sweep, or "" if the sweep has no problem.

    A sweep has a problem if its loss was not finite at the first step, diverged within a few steps, did not clearly
    fall, or still falls at the last of the planned `rates`. A sweep may end without divergence if its loss has
    stopped falling.
    """
    if not len(losses):
        return "the loss was not finite at the first step, before any update of the weights"
    if len(losses) <= 2 * PATIENCE:
        return (
            f"the loss diverged within {len(losses)} steps, so the sweep must start at a lower rate: lower start_lr"
        )
    fall = fall_of(rates, losses)
    # Pure noise spans about 3 standard errors from its lowest to its highest smoothed point; 6 is a clear fall.
    if fall.depth <= max(6 * uncertainty(losses, sigma_of(len(rates))), LEAST * fall.curve[fall.top]):
        return "the loss did not clearly fall at any rate"
    if fall.bottom >= len(rates) - PATIENCE and fall.knee() > (1 - REST) * len(rates):
        return f"the loss still falls at the last rate ({rates[-1]:.3g}), so the sweep is too short: raise end_lr"
    return ""


def knee(rates: Floats, losses: Floats) -> float | None:
    """Return the lowest rate at which `SHARE` of the decrease is completed; None if the sweep has a problem."""
    return None if sweep_problem(rates, losses) else float(rates[fall_of(rates, losses).knee()])
