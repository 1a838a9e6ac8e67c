"""The text of a first recipe, with comments that say why each value is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..formatting import counted
from ..recipe.dump import in_one_line
from .choices import Choices
from .photos import Photos


def recipe_text(photos: Photos, choices: Choices) -> str:
    """Return a recipe that `cvkit run` trains unchanged.

    Args:
        photos: What was found.
        choices: The values that depend on it.
    """
    return "\n".join([*_head(photos), *_data(photos, choices), *_network(choices), *_training(choices)]) + "\n"


def _head(photos: Photos) -> Iterator[str]:
    yield (
        f"# Written by `cvkit new` for {counted(sum(photos.total.values()), 'photo')} of "
        f"{counted(len(photos.total), 'class')}."
    )
    yield "# Change any value. `cvkit audit` checks the photos, `cvkit run` trains."


def _data(photos: Photos, choices: Choices) -> Iterator[str]:
    yield "dataset:"
    comments = {
        "path": "a relative path starts in the folder of this recipe",
        "size": "height and width of the network's input, in pixels",
        "validation": "this fraction of the photos chooses the best epoch",
        "test": "this fraction is evaluated once, at the end, and measures the result",
        "group": "equal values stay in one split",
        "on_error": "damaged photos are left out and listed",
    }
    for name, value in photos.options.items():
        yield _line(name, value, comments.get(name, ""))
    framing = {
        "squash": "the whole photo, stretched to a square; crop keeps only the centre",
        "pad": "the whole photo, with a border, because many photos are long",
    }
    yield _line("framing", choices.framing, framing[choices.framing])
    if "group" not in photos.options:
        yield "  # group: '(patient[0-9]+)'  # if several photos show one object: keeps them in one split"
    yield "augmentations:  # remove RandomHorizontalFlip if left and right matter, as in text"
    yield "  # a random part, at least 0.35 of the photo; raise this if objects are small (see cvkit preview)"
    yield "  - {name: torchvision/RandomResizedCrop, scale: [0.35, 1.0]}"
    yield "  - torchvision/RandomHorizontalFlip"


def _network(choices: Choices) -> Iterator[str]:
    yield "model:"
    yield _line("name", choices.model)
    if choices.pretrained is not None:
        where = "from the Hugging Face hub or its cache" if choices.pretrained is True else "the first weights"
        yield _line("pretrained", choices.pretrained, where)
    if choices.balanced:
        yield "loss:"
        yield _line("name", "torch/cross_entropy")
        yield _line("class_weights", "balanced", "the classes are uneven; rare ones get a higher weight")
    if choices.pretrained is not None:
        yield "finetune:"
        comments = {
            "head": "the new last layer starts at zero, so that it prefers no class",
            "freeze": "only the head is trained, because there are few photos"
            if choices.trained == "head"
            else "the first epoch trains only the head; statistics of normalisation do not change",
            "head_lr": "the head's rate is that of the scheduler, the body's is so many times smaller",
        }
        for name, value in choices.finetune.items():
            yield _line(name, value, comments[name])


def _training(choices: Choices) -> Iterator[str]:
    yield "optimizer: {name: torch/adamw, weight_decay: 0.01}"
    yield f"scheduler: {{name: onecycle/one_cycle, max_lr: {in_one_line(choices.max_lr)}}}"
    yield "metrics: [metrics/balanced_accuracy, metrics/macro_f1]"
    yield "selection:"
    reasons = {
        "loss": "with few validation photos, the loss varies less than an accuracy",
        "accuracy": "the fraction of correct photos",
        "balanced_accuracy": "the mean recall of the classes",
    }
    yield _line("metric", choices.metric, reasons[choices.metric])
    yield _line("keep_best", True, "the weights of the best epoch are the result")
    yield "train:"
    yield _line("epochs", choices.epochs)
    yield _line("batch_size", choices.batch_size)
    if choices.uses_all:
        yield _line("drop_last", False, "every photo is used in each epoch; the last batch is smaller")
    yield _line("workers", 2, "processes that load photos")
    yield _line("channels_last", True, "faster on most devices")
    yield "explainers: [gradcam/grad_cam]"
    yield "report: {misclassified: 24}"


def _line(name: str, value: Any, comment: str = "") -> str:
    return f"  {name}: {in_one_line(value)}" + (f"  # {comment}" if comment else "")
