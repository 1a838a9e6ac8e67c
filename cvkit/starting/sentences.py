"""What `cvkit new` says about the photos and about its choices."""

from __future__ import annotations

from collections.abc import Iterator

from ..formatting import counted, percent
from ..printable import shows
from .choices import ENOUGH, HEAD_ALONE, HEAD_LR, Choices
from .photos import SHARE, Photos

_FEW = 20  # photos of a class in training, below which the numbers of this class say little


def about(photos: Photos, choices: Choices) -> Iterator[str]:
    """Yield sentences about what was found and what was decided.

    Args:
        photos: What was found.
        choices: What was decided.
    """
    yield from _found(photos)
    yield from _decided(photos, choices)


def _found(photos: Photos) -> Iterator[str]:
    yield from photos.account.lines()
    yield "photos of each class: " + ", ".join(f"{_named(name)} {count:,}" for name, count in photos.total.items())
    shorter, longer = photos.typical
    yield f"the median photo has a shorter side of {shorter:,} and a longer side of {longer:,} pixels"
    few = [_named(name) for name, count in photos.account.counts["train"].items() if count < _FEW]
    if few:
        yield f"fewer than {_FEW} training photos: {', '.join(few)}; more photos help these classes most"


def _named(name: str) -> str:
    """Return the name of a class, with quotation marks if it could be read as something else in a list."""
    return name if shows(name) and "," not in name and name == name.strip() else repr(name)


def _decided(photos: Photos, choices: Choices) -> Iterator[str]:
    if photos.own:
        yield f"the photos have the splits {', '.join(photos.own)} of their own, which are kept"
    for name in ("validation", "test"):
        if name in photos.options:
            yield (
                f"about {percent(SHARE, 0)} of each class, and at least one photo, become {name} photos, because "
                "there are none"
            )
    yield "the test photos are evaluated once, at the end"
    if "on_error" in photos.options:
        yield "on_error: skip, because there are damaged photos; they are left out, and nothing replaces them"
    if choices.framing == "pad":
        yield f"framing: pad, because {percent(photos.long, 0)} of the photos are more than twice as long as wide"
    else:
        yield "framing: squash, so that the network sees the whole photo; crop keeps only the centre"
    if choices.balanced:
        yield (
            "class_weights: balanced, because the largest class has "
            f"{photos.imbalance:.1f} times the training photos of the smallest"
        )
    if choices.metric == "loss":
        yield f"the validation loss chooses the epoch, because a class has fewer than {ENOUGH} validation photos"
    else:
        yield f"{choices.metric} on the validation photos chooses the epoch"
    yield _training(photos, choices)


def _training(photos: Photos, choices: Choices) -> str:
    plan = f"{counted(choices.epochs, 'epoch')} of {counted(photos.training, 'training photo')}"
    match choices.trained:
        case "head":
            return (
                f"{choices.model} keeps its pretrained weights and only its new last layer is trained, for {plan}, "
                f"because {HEAD_ALONE:,} photos or fewer are too few for the other layers"
            )
        case "body":
            return (
                f"{choices.model} is fine-tuned for {plan}: the last layer alone in the first epoch, then everything "
                f"but the normalisation; the body learns with 1/{HEAD_LR} of the head's rate"
            )
    return (
        f"{choices.model} is trained from random weights, for {plan}; a pretrained network usually needs far fewer "
        "photos for the same accuracy"
    )
