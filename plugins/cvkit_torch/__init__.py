"""Declare samplers, mixing augmentations, and the optimizers, losses, schedules and callbacks of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl

ANY_TASK = ("single_label", "multi_label")


@hookimpl
def cvkit_samplers() -> Iterator[Component]:
    """Declare shuffle, balanced and weighted."""
    yield Component(
        "shuffle", "cvkit_torch.samplers:shuffle", "Every image once in an epoch, in random order", tasks=ANY_TASK
    )
    yield Component("balanced", "cvkit_torch.samplers:Balanced", "Images of rare classes more often")
    yield Component(
        "weighted",
        "cvkit_torch.samplers:Weighted",
        "Images in proportion to weights of the data set",
        tasks=ANY_TASK,
    )


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare mixup, cutmix and either of them by chance."""
    for name, summary in (
        ("mixup", "Blend pairs of images and their labels"),
        ("cutmix", "Paste a rectangle of another image, and mix the labels by area"),
        ("mixup_or_cutmix", "Mix each batch by mixup or by cutmix, by chance"),
    ):
        yield Component(name, f"cvkit_torch.mixing:{name}", summary, mixes=True, tasks=ANY_TASK)


@hookimpl
def cvkit_optimizers() -> Iterator[Component]:
    """Declare sgd, adamw, muon, sam and schedule_free_adamw."""
    for name, target, usual, summary in (
        ("sgd", "optimizers:sgd", (0.03, 1.0), "Stochastic gradient descent with momentum"),
        ("adamw", "optimizers:adamw", (3e-4, 2e-2), "Adam with decoupled weight decay"),
        ("muon", "muon:Muon", (3e-4, 2e-2), "Muon for hidden matrices, AdamW for the other weights"),
        ("sam", "sam:SAM", (0.03, 1.0), "Sharpness-aware minimization, with momentum"),
    ):
        yield Component(name, f"cvkit_torch.{target}", summary, usual_lr=usual)  # the docstrings have the sources
    yield Component(
        "schedule_free_adamw",
        "cvkit_torch.schedule_free:schedule_free_adamw",
        "AdamW without a schedule, evaluated at averaged weights",
        requires=("schedulefree>=1.4",),
    )


@hookimpl
def cvkit_losses() -> Iterator[Component]:
    """Declare cross_entropy, bce and distillation."""
    for name, summary, tasks in (
        ("cross_entropy", "Cross-entropy, with label smoothing", ()),
        ("bce", "Binary cross-entropy of each class, with label smoothing", ANY_TASK),
    ):
        yield Component(name, f"cvkit_torch.losses:{name}", summary, soft_targets=True, tasks=tasks)
    yield Component(
        "distillation",
        "cvkit_torch.distillation:distillation",
        "Cross-entropy, and the distance to the predictions of another run's model",
        soft_targets=True,
        takes_images=True,
    )


@hookimpl
def cvkit_schedulers() -> Iterator[Component]:
    """Declare constant, step and cosine."""
    yield Component("constant", "cvkit_torch.schedulers:constant", "Constant learning rate")
    yield Component("step", "cvkit_torch.schedulers:step", "Multiply the learning rate by gamma every few epochs")
    yield Component("cosine", "cvkit_torch.schedulers:cosine", "Linear warm-up, then cosine decay")


@hookimpl
def cvkit_callbacks() -> Iterator[Component]:
    """Declare keep_best, early_stopping and plateau."""
    for name, factory, summary in (
        ("keep_best", "keep_best", "Keep the weights of the best epoch"),
        ("early_stopping", "early_stopping", "Stop after epochs without a better value"),
        ("plateau", "Plateau", "Lower the learning rate after epochs without a better value"),
    ):
        yield Component(name, f"cvkit_torch.callbacks:{factory}", summary)
