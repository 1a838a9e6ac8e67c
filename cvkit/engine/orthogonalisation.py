"""Orthogonalise matrices by Newton-Schulz iterations, as optimizers of the Muon family do."""

from __future__ import annotations

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan et al. 2024


def orthogonalised(matrix: Tensor, steps: int) -> Tensor:
    """Return roughly the orthogonal factor U V^T of a matrix U S V^T.

    The iterations compute in bfloat16. After 5 of them, the singular values are between 0.5 and 1.5, except those
    that were far below the largest one.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
    <https://kellerjordan.github.io/posts/muon/>.

    Args:
        matrix: The matrix, (A, B) of floating-point numbers.
        steps: How many iterations, at least 1.

    Returns:
        The factor, (A, B) in bfloat16.
    """
    a, b, c = _COEFFICIENTS
    x = matrix.bfloat16()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.T
