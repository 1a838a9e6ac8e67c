"""`orthogonalised` returns the orthogonal factor of a matrix, roughly."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from cvkit import orthogonalised


@pytest.mark.parametrize("shape", [(4, 20), (20, 4), (7, 7)])
def test_singular_values_become_one_and_directions_stay(shape):
    """Whichever side is longer: U V^T of the matrix U S V^T."""
    left, _, right = torch.linalg.svd(torch.randn(shape, generator=torch.manual_seed(0)), full_matrices=False)
    matrix = left @ torch.diag(torch.linspace(0.1, 1, min(shape))) @ right
    found = orthogonalised(matrix, 5)
    assert found.dtype == torch.bfloat16
    values = torch.linalg.svdvals(found.float())
    assert values.min() > 0.5
    assert values.max() < 1.5
    assert functional.cosine_similarity((left @ right).flatten(), found.float().flatten(), 0) > 0.9
