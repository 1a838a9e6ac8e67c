"""Checks a `Document` against the catalog of plugins, and returns a `Recipe` or reports every mistake at once.

The check imports no component and opens no data. It finds components by name and reads the signatures of their
factories from the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import RecipeError
from ..host.catalog import Catalog
from ..kinds import KINDS
from .checker import Checker
from .document import Document
from .loss_weights import with_loss_weights
from .merge import PART_LISTS, PARTS
from .nodes import ListNode, MapNode, Mark, ScalarNode, in_reading_order
from .part_resolver import PartResolver
from .recipe import Recipe
from .settings import SECTIONS, GeneralSettings
from .settings_resolver import SettingsResolver

KEYS = (*GeneralSettings.model_fields, *PARTS, *PART_LISTS, *SECTIONS)


def resolve(document: Document, catalog: Catalog) -> Recipe:
    """Check a recipe against the installed components.

    Args:
        document: The content of the recipe, from `read`.
        catalog: The plugins, from `discover`.

    Returns:
        The recipe with every component and every default.

    Raises:
        RecipeError: The recipe has mistakes; the error contains all of them, sorted by file and line.
    """
    targets = list(_targets(document.root))
    check = Checker(dict(targets))
    check.keys(document.root, KEYS, "key", "in the recipe")
    settings = SettingsResolver(document, catalog, check)
    general, sections = settings.general(), settings.sections()
    settings.check_requirements(general.get("requires", ()))
    components = PartResolver(document.root, Mark(document.file), catalog, check)
    parts: dict[str, Any] = {key: components.one(key, KINDS[kind]) for key, kind in PARTS.items()}
    lists: dict[str, Any] = {key: components.several(key, KINDS[kind]) for key, kind in PART_LISTS.items()}
    components.check_augmentation_order(lists["augmentations"])
    components.check_soft_targets(parts["dataset"], lists["augmentations"], parts["loss"])
    components.check_tuner_targets(targets)
    components.check_task(parts["dataset"])
    sections["train"] = with_loss_weights(sections["train"], parts["model"], document.root, check)
    if check.problems:
        raise RecipeError([*in_reading_order(check.problems), *components.causes()])
    return Recipe(**general, **parts, **lists, **sections)


def _targets(root: MapNode) -> Iterator[tuple[str, Mark]]:
    """Yield the path that each tuner sets, and its position in the recipe."""
    tuners = root.items.get("tuners")
    for tuner in tuners.items if isinstance(tuners, ListNode) else ():
        target = tuner.items.get("set") if isinstance(tuner, MapNode) else None
        if isinstance(target, ScalarNode) and isinstance(target.value, str):
            yield target.value, target.mark
