"""Declare explainers that show which parts of an image support a class, and a negative control for them."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_explainers() -> Iterator[Component]:
    """Declare one explainer for each method."""
    yield Component("grad_cam", "cvkit_gradcam.grad_cam:grad_cam", summary="Grad-CAM (Selvaraju et al. 2017)")
    yield Component("hires_cam", "cvkit_gradcam.hires_cam:hires_cam", summary="HiResCAM (Draelos & Carin 2020)")
    yield Component("layer_cam", "cvkit_gradcam.layer_cam:layer_cam", summary="LayerCAM (Jiang et al. 2021)")
    yield Component(
        "grad_cam_pp", "cvkit_gradcam.grad_cam_pp:grad_cam_pp", summary="Grad-CAM++ (Chattopadhyay et al. 2018)"
    )
    yield Component(
        "eigen_cam",
        "cvkit_gradcam.eigen_cam:eigen_cam",
        summary="Eigen-CAM (Muhammad & Yeasin 2020): the same map for every class",
    )
    yield Component(
        "score_cam",
        "cvkit_gradcam.score_cam:score_cam",
        summary="Score-CAM (Wang et al. 2020): one forward pass per channel",
    )
    yield Component(
        "smoothed",
        "cvkit_gradcam.smoothed:smoothed",
        summary="Any of these methods, averaged over mirrored images and contrasts",
    )
    yield Component(
        "integrated_gradients",
        "cvkit_gradcam.integrated_gradients:integrated_gradients",
        summary="Integrated gradients (Sundararajan et al. 2017): what each pixel adds to a logit, with its sign",
        signed=True,
    )
    yield Component(
        "occlusion",
        "cvkit_gradcam.occlusion:occlusion",
        summary="Occlusion (Zeiler & Fergus 2014): how much a logit falls when a patch is covered, with its sign",
        signed=True,
    )
    yield Component(
        "concept",
        "cvkit_gradcam.concept:concept",
        summary="TCAV (Kim et al. 2018): where a concept, given by example pictures, speaks for or against a class",
        signed=True,
    )
    yield Component(
        "guided_backprop",
        "cvkit_gradcam.guided_backprop:guided_backprop",
        summary="Guided Backpropagation (Springenberg et al. 2014): a negative control that hardly uses the weights",
    )
