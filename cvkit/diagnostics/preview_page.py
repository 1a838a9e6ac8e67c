"""Build the page of `cvkit preview`: the schedule, augmented images with their pixels, and what the recipe sets."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.lr_curve import lr_curve
from ..engine.parts import RunParts
from ..figures.page import Fact, Page, Section
from ..formatting import counted
from ..recipe.dump import dump
from .preview import augmentation_table, placeholder_notes, planned_images, planned_schedule
from .recipe_table import recipe_table


def preview_page(parts: RunParts, version: str) -> Page:
    """Return the page that shows the schedule, the augmented images and the size of a run."""
    recipe, planned, images = parts.recipe, lr_curve(parts), planned_images(parts)
    model, data = (part.entry.member or part.entry.component.name for part in (recipe.model, recipe.dataset))
    order = (augmentation_table(recipe),) if recipe.augmentations else ()
    return Page(
        title=f"Preview of {recipe.name}",
        subtitle=f"What a run of this recipe would do: {model} on {data}. No model was trained.",
        facts=tuple(_facts(parts)),
        warnings=(*parts.warnings, *placeholder_notes(parts, planned)),
        notes=tuple(_notes(parts, images is not None)),
        sections=(
            Section("Schedule", (planned_schedule(planned),)),
            Section("Augmented images", images[:1] if images else ()),
            Section("Pixels and augmentations", (*(images[1:] if images else ()), *order), broad=True),
        ),
        details=(recipe_table(recipe),),
        recipe=dump(recipe),
        generated=f"Created by cvkit {version}.",
    )


def _facts(parts: RunParts) -> Iterator[Fact]:
    recipe, info = parts.recipe, parts.info
    epochs = f"{counted(parts.plan.epochs, 'epoch')} of {parts.batching.steps:,}"
    yield Fact("Planned steps", f"{parts.planned_steps:,}", epochs)
    yield Fact("Training images", f"{len(parts.train_source):,}", f"batches of {recipe.train.batch_size:,}")
    for half in parts.splits.halves:
        yield Fact(f"{half.capitalize()} images", f"{len(parts.splits.half(half)):,}")
    yield Fact("Classes", f"{info.num_classes:,}")
    yield Fact("Model input", f"{info.channels} x {info.height} x {info.width}", "channels, height and width")
    yield Fact("Weights", f"{sum(weight.numel() for weight in parts.model.parameters()):,}", recipe.model.entry.id)


def _notes(parts: RunParts, shown: bool) -> Iterator[str]:
    if not shown:
        yield "No images are shown, because the recipe has no augmentations or sets report.augmented: 0."
    if parts.planned_steps < parts.plan.total_steps:
        yield (
            f"The schedule is planned for {counted(parts.plan.total_steps, 'step')}, but train.max_steps ends the "
            f"run after {parts.planned_steps:,}."
        )
