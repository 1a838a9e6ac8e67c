"""What was measured, as lines and tables that a user reads."""

from __future__ import annotations

from collections.abc import Iterator

from ..formatting import counted, duration, percent
from .measured import EpochTime, Measured

_ADVICE = {
    "model": "the step of the model itself; a faster device or a smaller model would help",
    "augmentation": "the augmentations of batches; fewer or simpler ones would help",
    "loader": "loading images; more train.workers, train.cache, or dataset.decode: draft would help",
    "evaluation": "the evaluation after each epoch; fewer views or images would help",
}
STEP_HEADER = ("step", "images/s", "ratio", "lowest to highest", "")


def step_rows(found: Measured) -> list[list[str]]:
    """Return a row for each variant of the step, the fastest first; the last cell marks the recipe and the best."""
    rows = []
    for variant, timed in sorted(found.steps.items(), key=lambda pair: -pair[1].ratios[0]):
        middle, least, greatest = timed.ratios
        marks = ["the recipe"] * (variant == found.now) + ["fastest"] * (variant == found.best != found.now)
        spread = f"{least:.2f} to {greatest:.2f}" if len(timed.seconds) > 1 else "one round"
        rows.append([str(variant), f"{timed.rate:,.0f}", f"{middle:.2f}", spread, ", ".join(marks)])
    return rows


def loading_rows(found: Measured) -> list[list[str]]:
    """Return a row for each number of processes that load images."""
    own = found.loading[found.workers]
    return [
        [
            str(count),
            f"{rate:,.0f}",
            f"{rate / own:.2f}",
            "the recipe" if count == found.workers else "",
        ]
        for count, rate in found.loading.items()
    ]


def size_rows(found: Measured) -> list[list[str]]:
    """Return a row for each batch size."""
    own = found.sizes[found.batch_size]
    return [
        [f"{size:,}", f"{rate:,.0f}", f"{rate / own:.2f}", "the recipe" if size == found.batch_size else ""]
        for size, rate in found.sizes.items()
    ]


def lines(found: Measured) -> Iterator[str]:
    """Yield what the recipe's time is spent on, how long it takes, and which settings are faster."""
    yield f"the recipe as it is takes {_time(found, found.as_it_is)}"
    limit = next(iter(found.as_it_is.shares))
    yield f"most of the time is {_ADVICE[limit]}"
    if found.compile_seconds:
        yield f"compiling the model took {duration(found.compile_seconds)}, once for each run"
    if not found.changes:
        yield "no other setting is clearly faster"
        return
    settings = ", ".join(f"{name}: {_shown(value)}" for name, value in found.changes.items())
    ratio = found.as_it_is.seconds / found.fastest.seconds
    yield f"with {settings} it takes {_time(found, found.fastest)}: {ratio:.2f} times as fast"
    if "precision" in found.changes:
        yield f"precision: {found.best.precision} changes the numbers of training; compare the accuracy of both"


def size_line(found: Measured) -> Iterator[str]:
    """Yield that another batch size is faster, which changes training, if one is."""
    if found.best_size != found.batch_size:
        ratio = found.sizes[found.best_size] / found.sizes[found.batch_size]
        yield (
            f"steps of {counted(found.best_size, 'image')} have {ratio:.2f} times the images/s. Another "
            "train.batch_size changes training, so its learning rate must be chosen again"
        )


def _time(found: Measured, epoch: EpochTime) -> str:
    shares = ", ".join(f"{part} {percent(share)}" for part, share in epoch.shares.items())
    total = duration(found.epochs * epoch.seconds)
    return f"{total} for {_epochs(found.epochs)}, {duration(epoch.seconds)} each ({shares})"


def _epochs(count: float) -> str:
    return counted(int(count), "epoch") if count == int(count) else f"{count:.1f} epochs"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
