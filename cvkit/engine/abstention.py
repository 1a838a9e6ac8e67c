"""Abstention: calibrated probabilities, and which predictions a model declines.

Logits are divided by a temperature, which is fitted so that probabilities match the data. A model then declines the
images whose probabilities do not meet a rule. The rule compares probabilities with one number, the level:

- ``threshold``: an image is declined if its highest probability is below the level (selective prediction).
- ``conformal``: the prediction set of an image contains the classes whose probability is at least the level. The
  image is declined unless its set contains exactly one class.

Everything here consists of tensor operations without data-dependent control flow, so `torch.export` can trace it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor

DecliningRule = Literal["threshold", "conformal"]


@dataclass(frozen=True)
class Abstention:
    """Calibrates the probabilities of a model, and declines images.

    Sources: temperature and vector scaling, Guo et al. 2017, "On Calibration of Modern Neural Networks",
    arXiv:1706.04599, section 4.2; the threshold, Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural
    Networks", arXiv:1705.08500; the prediction set, Sadinle, Lei and Wasserman 2019, "Least Ambiguous Set-Valued
    Classifiers with Bounded Error Levels", arXiv:1609.00451.

    Attributes:
        temperatures: One temperature above 0 for all classes, or one for each class (vector scaling).
        biases: Added to the logits after the division, one for each class; empty with one temperature.
        rule: ``threshold`` or ``conformal``.
        level: The lowest probability that the rule accepts, in [0, 1]. With the rule ``threshold`` and 0, no image is
            declined. A conformal quantile q of the scores 1 - p is the level 1 - q.
    """

    temperatures: tuple[float, ...] = (1.0,)
    biases: tuple[float, ...] = ()
    rule: DecliningRule = "threshold"
    level: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Abstention:
        """Return the calibration with the attributes that `to_json` returned; other keys are ignored.

        Args:
            values: The attributes.

        Raises:
            ValueError: An attribute is missing or has a value that no calibration has.
        """
        try:
            temperatures, biases = (tuple(map(float, values[key])) for key in ("temperatures", "biases"))
            rule, level = values["rule"], float(values["level"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"it does not describe a calibration: {error}") from error
        if rule not in ("threshold", "conformal") or not temperatures or min(temperatures) <= 0:
            raise ValueError("it does not describe a calibration")
        return cls(temperatures, biases, rule, level)

    @property
    def declines(self) -> bool:
        """Whether there is a rule that can decline images."""
        return self.rule == "conformal" or self.level > 0

    def calibrated_logits(self, logits: Tensor) -> Tensor:
        """Return logits (B, K) divided by the temperatures, plus the biases.

        Args:
            logits: float (B, K).
        """
        if len(self.temperatures) == 1:
            return logits / self.temperatures[0]
        return logits / logits.new_tensor(self.temperatures) + logits.new_tensor(self.biases)

    def calibrated(self, logits: Tensor) -> Tensor:
        """Return the calibrated probabilities, float (B, K): the softmax of `calibrated_logits`.

        Args:
            logits: float (B, K).
        """
        return self.calibrated_logits(logits).softmax(dim=1)

    def prediction_sets(self, probabilities: Tensor) -> Tensor:
        """Return whether each class is in the prediction set of each image, bool (B, K).

        Args:
            probabilities: Calibrated probabilities, float (B, K).
        """
        return probabilities >= self.level

    def declined(self, probabilities: Tensor) -> Tensor:
        """Return whether each image is declined, bool (B,).

        Args:
            probabilities: Calibrated probabilities, float (B, K).
        """
        if self.rule == "conformal":
            return self.prediction_sets(probabilities).sum(dim=1) != 1
        return probabilities.amax(dim=1) < self.level

    def apply(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the calibrated probabilities, float (B, K), and whether each image is declined, bool (B,).

        Args:
            logits: float (B, K).
        """
        probabilities = self.calibrated(logits)
        return probabilities, self.declined(probabilities)
