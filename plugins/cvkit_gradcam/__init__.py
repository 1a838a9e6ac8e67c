"""Grad-CAM: where in an image a classifier found a class."""

from cvkit import Component, hookimpl


@hookimpl
def cvkit_explainers():
    """Offer Grad-CAM to recipes as `grad_cam`."""
    yield Component("grad_cam", "cvkit_gradcam.grad_cam:grad_cam", summary="Grad-CAM (Selvaraju et al. 2017)")
