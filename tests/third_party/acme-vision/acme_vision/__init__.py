"""A model, an augmentation, a schedule and an explainer for cvkit."""

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    yield Component("convmixer", "acme_vision.convmixer:convmixer", "Patches and convolutions, nothing else")


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    yield Component("grid_mask", "acme_vision.grid_mask:grid_mask", "Hide a grid of squares in each image")


@hookimpl
def cvkit_schedulers() -> Iterator[Component]:
    yield Component(
        "inverse_sqrt", "acme_vision.schedule:inverse_sqrt", "Warm up, then one over the root of the step"
    )


@hookimpl
def cvkit_explainers() -> Iterator[Component]:
    yield Component("occlusion", "acme_vision.occlusion:Occlusion", "How much hiding each place changes the logit")
