"""Finds the values that were changed in a run's recipe, and which of them a run may adopt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kinds import KINDS
from .document import read_text
from .dump import dump, in_one_line
from .merge import NESTING, PART_LISTS, PARTS
from .nodes import plain
from .part_resolver import DEFAULT_PARTS
from .recipe import Recipe
from .settings import SECTIONS, GeneralSettings

_FREE = (
    *("name", "shorter", "requires", "plugins", "report", "evaluation.batch_size", "train.device"),
    *(
        "train.workers",
        "train.resident",
        "train.cache",
        "train.checkpoint_every",
        "train.compile",
        "train.channels_last",
    ),
    *(kind.key for kind in KINDS.values() if not kind.affects_training),
)
_ABSENT = "absent"

_SINCE_0_1 = ("selection", "finetune", "sampler", "callbacks")
RUN_KEYS = frozenset(("name", "seed", *PARTS, *SECTIONS)) - set(_SINCE_0_1)
"""The top-level keys of every recipe that a run writes, without the lists and sections that earlier versions lack."""


@dataclass(frozen=True)
class Change:
    """A changed value of a recipe. `before` and `now` are written as in a recipe, or ``absent``."""

    path: str
    before: str
    now: str

    @property
    def free(self) -> bool:
        """Whether a run that has started may adopt the change, because it does not affect the trained model."""
        return any(self.path == path or self.path.startswith(f"{path}.") for path in _FREE)

    def __str__(self) -> str:
        return f"{self.path} was {self.before} and is {self.now}"


def changes(before: str, recipe: Recipe) -> tuple[Change, ...]:
    """Return the differences between a recipe and the text that `dump` wrote for it earlier.

    A part, a setting or an option that is missing in the text and has its default is not a change: a later version
    added it.
    """
    old, new = (dict(_values(plain(read_text(text, extends=False).root))) for text in (before, dump(recipe)))
    paths = [path for path in dict.fromkeys([*old, *new]) if old.get(path, _ABSENT) != new.get(path, _ABSENT)]
    return tuple(
        Change(path, old.get(path, _ABSENT), new.get(path, _ABSENT))
        for path in paths
        if path in old or new[path] != _default(path, recipe)
    )


def set_values(recipe: Recipe) -> tuple[Change, ...]:
    """Return the values that are not the defaults, each with its default as `before`, or ``absent`` without one."""
    values = dict(_values(plain(read_text(dump(recipe), extends=False).root)))
    defaults = {path: _default(path, recipe) for path in values}
    return tuple(
        Change(path, _ABSENT if (usual := defaults[path]) is None else usual, now)
        for path, now in values.items()
        if now != defaults[path]
    )


def keys_of(text: str) -> set[str]:
    """Return the top-level keys of a recipe's text; raise `RecipeError` if it is not valid or has `extends`."""
    return set(read_text(text, extends=False).root.items)


def _values(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the path and text of every value: options of parts, settings and top-level keys."""
    for key, value in tree.items():
        if key == NESTING:
            yield from _nested_values(key, value)
        elif isinstance(value, dict):
            yield from ((f"{key}.{name}", in_one_line(item)) for name, item in value.items())
        elif key in PART_LISTS:
            for index, part in enumerate(value):
                yield from ((f"{key}.{index}.{name}", in_one_line(item)) for name, item in part.items())
        else:
            yield key, in_one_line(value)


def _nested_values(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each option of a part, and of the parts in its options."""
    if isinstance(value, dict) and "name" in value:
        for name, item in value.items():
            yield from _nested_values(f"{path}.{name}", item)
    elif isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        for index, item in enumerate(value):
            yield from _nested_values(f"{path}.{index}", item)
    else:
        yield path, in_one_line(value)


def _default(path: str, recipe: Recipe) -> str | None:
    owner, _, name = path.rpartition(".")
    if name == "name" and owner in DEFAULT_PARTS:
        return in_one_line(DEFAULT_PARTS[owner])
    settings = SECTIONS.get(owner, GeneralSettings)
    if owner in SECTIONS or not owner:
        option = settings.options().get(name)
    else:
        part = dict(recipe.parts()).get(owner)
        option = part.option(name) if part is not None and name in part.options else None
    return None if option is None or option.required else in_one_line(option.default)
