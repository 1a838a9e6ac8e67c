"""What of a run's recipe is not what it was: said value by value, and which of it a run may take over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kinds import KINDS
from .document import read_text
from .dump import dump, in_one_line
from .merge import PART_LISTS, PARTS
from .nodes import plain
from .recipe import Recipe
from .settings import SECTIONS, GeneralSettings

_FREE = (
    *("name", "shorter", "requires", "plugins", "report", "evaluation.batch_size", "train.device"),
    *("train.workers", "train.resident", "train.checkpoint_every", "train.compile", "train.channels_last"),
    *(kind.key for kind in KINDS.values() if not kind.affects_training),
)
_ABSENT = "absent"

RUN_KEYS = frozenset(("name", "seed", *PARTS, *SECTIONS))
"""Keys at the top of every recipe that a run writes. Its lists are not among them, as earlier versions had fewer."""


@dataclass(frozen=True)
class Change:
    """A value of a recipe that was changed; `before` and `now` are as a recipe writes them, or say it is absent."""

    path: str
    before: str
    now: str

    @property
    def free(self) -> bool:
        """Whether a run that has begun may take it over: it is not about what is trained, but how that is done."""
        return any(self.path == path or self.path.startswith(f"{path}.") for path in _FREE)

    def __str__(self) -> str:
        return f"{self.path} was {self.before} and is {self.now}"


def changes(before: str, recipe: Recipe) -> tuple[Change, ...]:
    """Return what differs between a recipe and the text that `dump` wrote of it earlier.

    A setting or an option that the text lacks is none where it has its default: a later version brought it.
    """
    old, new = (dict(_values(plain(read_text(text, extends=False).root))) for text in (before, dump(recipe)))
    paths = [path for path in dict.fromkeys([*old, *new]) if old.get(path, _ABSENT) != new.get(path, _ABSENT)]
    return tuple(
        Change(path, old.get(path, _ABSENT), new.get(path, _ABSENT))
        for path in paths
        if path in old or new[path] != _default(path, recipe)
    )


def keys_of(text: str) -> set[str]:
    """Return the keys at the top of a recipe's text; raise `RecipeError` where it does not read or has `extends`."""
    return set(read_text(text, extends=False).root.items)


def _values(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every value with its path: of a part's options, of the settings, and of what stands at the top."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", in_one_line(item)) for name, item in value.items())
        elif key in PART_LISTS:
            for index, part in enumerate(value):
                yield from ((f"{key}.{index}.{name}", in_one_line(item)) for name, item in part.items())
        else:
            yield key, in_one_line(value)


def _default(path: str, recipe: Recipe) -> str | None:
    owner, _, name = path.rpartition(".")
    settings = SECTIONS.get(owner, GeneralSettings)
    if owner in SECTIONS or not owner:
        option = settings.options().get(name)
    else:
        part = dict(recipe.parts()).get(owner)
        option = part.option(name) if part is not None and name in part.options else None
    return None if option is None or option.required else in_one_line(option.default)
