"""The cut: gradients of class scores with respect to a layer, at hardly more than the cost of a forward pass.

The network is cut at the layer. What comes before runs without a graph; what comes after records one, and the
gradient is taken at the cut alone. So frozen models work, no weight's gradient is computed, and no ``.grad`` is
touched.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cvkit import RunError, evaluation_mode


def gradient_at(model: nn.Module, layer: nn.Module, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the layer's activation and the gradient there of each image's target logit, float32 (B, c, h, w) both.

    The model is evaluated in evaluation mode, and its modes, weights, gradients and hooks are left as found.
    Raises `RunError` if the layer is not reached or its output is not an image grid.
    """
    cut: list[Tensor] = []

    def cut_here(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        require_grid(output)
        torch.set_grad_enabled(True)
        cut[:] = [output.detach().requires_grad_()]
        return cut[0].clone()  # what follows may work in place, and must not reach the activation

    handle = layer.register_forward_hook(cut_here)
    try:
        with evaluation_mode(model), torch.inference_mode(False), torch.no_grad():
            logits = model(images)
            if not cut:
                raise RunError("grad_cam: the model's forward pass does not reach the chosen layer")
            scores = logits.float().gather(1, targets[:, None]).sum()
            (gradient,) = torch.autograd.grad(scores, cut)
    finally:
        handle.remove()
    return cut[0].detach().float(), gradient.float()


def require_grid(output: object) -> None:
    """Raise `RunError` unless a layer's output is an image grid (B, c, h, w)."""
    if not (isinstance(output, Tensor) and output.ndim == 4):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise RunError(f"grad_cam needs a layer whose output is (B, c, h, w), and this one's is {shape}")
