"""Fit the temperature: the one that gives the labels of held-out images the highest likelihood."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..engine.abstention import Abstention
from ..errors import RunError
from ..formatting import counted

_STEPS = 200  # of L-BFGS; one temperature takes about 10
_UNUSUAL = 10.0  # temperatures above this, and below its inverse, are reported
_PER_NUMBER = 10  # images for each fitted number; Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3


def fit_temperature(logits: Tensor, labels: Tensor) -> Abstention:
    """Return the temperature with the lowest negative log-likelihood.

    `logits` is float (N, K), and `labels` int64 (N,). The temperature stays 1 if all images are classified correctly,
    because the likelihood then has no maximum. Source: Guo et al. 2017, arXiv:1706.04599, section 4.2.
    """
    if bool((logits.argmax(dim=1) == labels).all()):
        return Abstention()
    log_scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    _minimise(logits, labels, [log_scale], lambda of: of * log_scale.exp())
    return Abstention((_finite(torch.exp(-log_scale)).item(),))


def fit_vector_scaling(logits: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Abstention:
    """Return a temperature and a bias for each class with the lowest negative log-likelihood.

    This is vector scaling, with scales that are above 0: a class with a higher logit never gets a lower probability.
    The biases have the mean 0. It can change which class is the most probable one. Source: Guo et al. 2017,
    arXiv:1706.04599, section 4.2. Raises `RunError` if a class has no image, because its bias then has no optimum.
    """
    missing = [
        name for name, images in zip(classes, labels.bincount(minlength=len(classes)), strict=True) if not images
    ]
    if missing:
        shown = ", ".join(f"'{name}'" for name in missing[:5]) + ", ..." * (len(missing) > 5)
        raise RunError(
            f"a temperature for each class needs images of each class, and the {counted(len(labels), 'image')} that "
            f"fit it have none of {shown}. Remove --per-class, or use more validation images"
        )
    log_scales = torch.zeros(len(classes), dtype=torch.float64, requires_grad=True)
    biases = torch.zeros(len(classes), dtype=torch.float64, requires_grad=True)
    _minimise(logits, labels, [log_scales, biases], lambda of: of * log_scales.exp() + biases)
    found = _finite(torch.exp(-log_scales))
    centred = _finite(biases.detach() - biases.detach().mean())
    return Abstention(tuple(found.tolist()), tuple(centred.tolist()))


def remarks(found: Abstention, logits: Tensor, labels: Tensor) -> list[str]:
    """Return a sentence for each reason to doubt a temperature that was fitted to these images."""
    images, numbers = counted(len(labels), "image"), len(found.temperatures) + len(found.biases)
    lines = []
    if numbers == 1 and bool((logits.argmax(dim=1) == labels).all()):
        lines.append(f"all of the {images} that fit the temperature are classified correctly, so it stays 1")
    if len(labels) < _PER_NUMBER * numbers:
        what = "1 temperature" if numbers == 1 else f"{numbers:,} temperatures and biases"
        lines.append(f"{images} are few for {what}; use at least {_PER_NUMBER * numbers:,}")
    if any(not 1 / _UNUSUAL <= value <= _UNUSUAL for value in found.temperatures):
        low, high = min(found.temperatures), max(found.temperatures)
        shown = f"{low:.3g}" if low == high else f"from {low:.3g} to {high:.3g}"
        lines.append(f"a temperature is unusual ({shown}): the model was hardly trained, or these images are few")
    return lines


def _minimise(logits: Tensor, labels: Tensor, numbers: list[Tensor], scaled: Callable[[Tensor], Tensor]) -> None:
    """Change `numbers` until the likelihood of the labels, given the scaled logits, is the highest."""
    exact = logits.double()
    optimizer = torch.optim.LBFGS(
        numbers, max_iter=_STEPS, tolerance_grad=1e-8, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        optimizer.zero_grad()
        value = cross_entropy(scaled(exact), labels)
        value.backward()
        return value  # type: ignore[return-value]  # torch calls float() on it

    with torch.enable_grad():
        optimizer.step(loss)


def _finite(values: Tensor) -> Tensor:
    """Return the fitted values; raise `RunError` if they are not finite."""
    if not bool(values.isfinite().all()):
        raise RunError("no finite temperature fits the logits of the model; check its predictions with cvkit.load")
    return values.detach()
