"""Build the parts of a run from a recipe and its data, and check them before training."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

from ..checkpoint.state_dicts import load_model_state, model_state
from ..data.checking import checked
from ..data.framing import PretrainedInput
from ..data.labels import Labels
from ..data.loading import DeviceBudget, open_source
from ..data.preprocessing import Preprocessor
from ..data.resizing import framed, framed_halves, suited
from ..data.sample_augmentation import SampleAugmentations
from ..data.splits import HOW_TO_HAVE_VALIDATION_IMAGES, Splits
from ..errors import ComponentFailure, RunError
from ..formatting import counted
from ..guard import Guard
from ..phases import phase
from ..recipe import Recipe
from ..recipe.metric_names import metric_names
from ..recipe.tasks import require_task
from ..resource_errors import Shortage, reporting_shortages
from ..seeding import derive, preserved_randomness, seed_everything
from ..world.world import World
from .averaging import Averaged, too_long
from .building import drawn, initialised_loss
from .caches import cache_plans, with_notes
from .deciding import deciding, require_choice, try_callbacks
from .device import choose_device
from .division import divided_model
from .finetuning import first_model
from .image_initialisation import initialise_with_images
from .loop import EpochBatches
from .metrics import example_predictions, try_metrics
from .parts import RunParts
from .sampling import Sampling
from .sanity_check import SanityCheck
from .thresholds import require_thresholds
from .tuning import forecast_of


def build_parts(
    recipe: Recipe,
    splits: Splits,
    *,
    restoring: bool = False,
    recorded: PretrainedInput | None = None,
    world: World | None = None,
) -> RunParts:
    """Return the parts of a run, initialised from the recipe's seed, after a sanity check.

    The sanity check runs an evaluation, training steps and an explanation on copies of the parts. So a mistake costs
    seconds instead of a range test or an epoch.

    Args:
        recipe: The resolved recipe.
        splits: The images of the recipe's data set.
        restoring: Whether the trainer will be restored from a checkpoint, so that no pretrained weights are read.
        recorded: With `restoring`, the input of the pretrained weights that the run recorded.
        world: The processes that train the run together; None for this one alone.

    Returns:
        The parts of the run. `RunParts.warnings` contains the warnings of the sanity check.

    Raises:
        RecipeError: A component does not support the task of the data set.
        DeviceError: The device does not work, or cannot compute in the precision.
        RunError: The settings do not suit the data.
        ComponentFailure: A component fails.
    """
    settings = recipe.train
    device = choose_device(settings.device, settings.precision, world)
    splits = checked(splits, recipe.dataset.entry)
    require_task(recipe, splits.info.task)
    require_choice(recipe, splits.info, splits.validation is not None)
    require_thresholds(recipe.evaluation.thresholds, splits)
    if splits.validation is None and recipe.evaluation.test == "final":
        raise RunError(
            "evaluation.test is 'final', but the data set has no validation images, so no image would be evaluated "
            f"after an epoch; use evaluation.test: auto, or {HOW_TO_HAVE_VALIDATION_IMAGES}"
        )
    with (
        phase("building the model"),
        reporting_shortages("building the model", {Shortage.MEMORY: "use a smaller model"}),
    ):
        model, tuning, given = first_model(recipe, splits.info, device, restoring=restoring, recorded=recorded)
    info = suited(splits.info, given)
    splits = framed_halves(replace(splits, info=info))
    augmentations = [
        (part.entry, drawn(recipe, "initialisation of an augmentation", part, info, number=number))
        for number, part in enumerate(recipe.augmentations, start=1)
    ]
    single = SampleAugmentations((pair for pair in augmentations if pair[0].component.per_sample), info)
    placing = (device, settings.resident, settings.workers, DeviceBudget(device))
    splits = with_notes(splits, single)
    plans = cache_plans(recipe, splits, single)
    train = splits.train if single else framed(splits.train, info)
    source = open_source(train, *placing, single, plans.get("train"))
    sources = {half: open_source(splits.half(half), *placing, cache=plans.get(half)) for half in splits.halves}
    batching = EpochBatches(len(source), settings.batch_size, settings.accumulate, settings.drop_last)
    if batching.steps == 0:
        raise RunError(
            f"train.batch_size is {settings.batch_size}, but the training set contains only "
            f"{counted(len(source), 'image')}; "
            "use a smaller train.batch_size, or set train.drop_last: false"
        )
    labels = Labels.of(splits.train, info.labels, info.num_classes)
    sampling = Sampling(recipe, labels)
    sampling.order(derive("rehearsal", recipe.seed))
    of_batches = [pair for pair in augmentations if not pair[0].component.per_sample]
    preprocessor = Preprocessor(info, of_batches, device, settings.channels_last)
    if not restoring and recipe.finetune.source is None:  # else the weights are those of a checkpoint or a run
        initialise_with_images(recipe, model, splits.train, info, preprocessor)
    try_metrics(recipe.metrics, info)
    loss = initialised_loss(recipe, info, labels, device)
    parts = RunParts(
        recipe, splits, device, source, sources, batching, sampling, single, preprocessor, model, loss, tuning
    )
    has_validation = splits.validation is not None
    asked = deciding(recipe, info, parts.plan, has_validation)
    try_callbacks(asked, parts.beginning, metric_names(recipe.metrics), has_validation, example_predictions(info))
    warnings = [*tuning.warnings, *sanity_check(parts)]
    if not restoring:
        try_forecasts(parts)
    if world is not None:  # each process has made the checks by itself
        model, lines = divided_model(model, world, settings, batching, device)
        parts, warnings = replace(parts, model=model, world=world), [*warnings, *lines]
    if settings.ema is None:
        return replace(parts, warnings=tuple(warnings))
    if warning := too_long(settings.ema, parts.planned_steps):
        warnings.append(warning)
    ema: Averaged = Guard(recipe.model.entry, "cannot be averaged")(Averaged, model, settings.ema)
    return replace(parts, ema=ema, warnings=tuple(warnings))


def try_forecasts(parts: RunParts) -> None:
    """Raise `ComponentError` if a tuner refuses its options when it forecasts what it will do."""
    with preserved_randomness():
        for tuner in parts.recipe.tuners:
            forecast_of(tuner, parts)


def sanity_check(parts: RunParts) -> list[str]:
    """Raise `RunError` unless the parts work together. Only copies are used; an ``auto`` rate has a placeholder.

    Returns a warning for each explainer that cannot explain the model, and a warning if the parts cannot be copied.
    """
    warnings = []
    with phase("sanity check"), preserved_randomness():
        seed_everything("rehearsal", parts.recipe.seed)
        try:
            train_step, copied = parts.copied_train_step(), True
        except ComponentFailure as error:
            warnings.append(f"the run starts without a trial training step, because {error}")
            train_step, copied = parts.train_step(parts.model, parts.loss, parts.preprocessor), False
        images = partial(parts.first_images, copy.deepcopy(parts.sample_augmentations))
        check = SanityCheck(train_step, parts.new_schedule(train_step.optimizer), images, parts.beginning)
        check.evaluate(parts.info.num_classes)
        if copied:
            check.train(parts.batching)
            check.keep()
            load_model_state(train_step.forward.model, model_state(parts.model))
            warnings += check.explain(parts.recipe.explainers, parts.info, parts.background())
    return warnings
