"""`Recipe`: a checked recipe, whose parts contain their component and every option."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Problem, RecipeError, did_you_mean
from ..host.registry import Entry
from ..kinds import KINDS
from ..signatures.nested import nests
from ..signatures.signature import MISSING, Option
from .coercion import Nested, coerce, show
from .finetune_settings import FinetuneSettings
from .settings import (
    SECTIONS,
    EvaluationSettings,
    GeneralSettings,
    PluginSettings,
    ReportSettings,
    SelectionSettings,
    TrainSettings,
)

AUTO = "auto"


@dataclass(frozen=True)
class Part(Nested):
    """A component of a recipe, with its options including their defaults.

    Attributes:
        entry: The component.
        options: Its options by name. An option that is another component is a part, too. Defaults that a
            recipe cannot express, such as computed ones, are missing; the factory supplies them.
        written: The text of each path in `options` as the recipe contains it, if that is relative.
    """

    entry: Entry
    options: dict[str, Any]
    written: Mapping[Path, str] = field(default_factory=dict, compare=False, repr=False, kw_only=True)

    def build(self, *supplied: Any) -> Any:
        """Build the component with the positional arguments `supplied` by the run, and its options.

        Options that are components are built first, with the same arguments.
        """
        return self.with_nested(lambda part: part.build(*supplied)).build_alone(*supplied)

    def build_alone(self, *supplied: Any) -> Any:
        """Build the component, whose options that are components are built already."""
        return self.entry.build(*supplied, **self.options)

    def with_nested(self, made: Callable[[Part], Any]) -> Part:
        """Return a copy in which each option that is a component is replaced by what `made` returns for it."""
        options = {}
        for name, value in self.options.items():
            if isinstance(value, Part):
                options[name] = made(value)
            elif _are_parts(value):
                options[name] = tuple(made(part) for part in value)
            else:
                options[name] = value
        return replace(self, options=options)

    def nested(self) -> Iterator[tuple[str, Part]]:
        """Yield the path of each component in the options, such as ``of`` or ``of.0``, and the component."""
        for name, value in self.options.items():
            inner = {name: value} if isinstance(value, Part) else {}
            if _are_parts(value):
                inner = {f"{name}.{index}": part for index, part in enumerate(value)}
            for path, part in inner.items():
                yield path, part
                yield from ((f"{path}.{deeper}", other) for deeper, other in part.nested())

    def family(self) -> Iterator[Part]:
        """Yield the part and every component in its options."""
        yield self
        yield from (part for _, part in self.nested())

    def plain(self) -> dict[str, Any]:
        """Return the name and the options."""
        return {"name": self.entry.id, **self.options}

    def names(self) -> set[str]:
        """Return the names of all options, including those whose default the factory supplies."""
        return {*self.entry.signature().options, *self.options}

    def option(self, name: str) -> Option:
        """Return the declaration of an option."""
        return self.entry.signature().options.get(name) or undeclared(name)


def _are_parts(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(one, Part) for one in value)


def undeclared(name: str) -> Option:
    """Return an option of any type, for a factory that accepts options it does not declare."""
    return Option(name, "", Any, MISSING)


@dataclass(frozen=True)
class TunerPart(Part):
    """A tuner. `target` is the path of the option that it proposes a value for."""

    target: str


if TYPE_CHECKING:

    @dataclass(frozen=True)
    class _Parts:
        """The parts as type checkers see them; at run time each kind has its key."""

        dataset: Part
        sampler: Part
        augmentations: tuple[Part, ...]
        model: Part
        loss: Part
        optimizer: Part
        scheduler: Part
        callbacks: tuple[Part, ...]
        tuners: tuple[TunerPart, ...]
        metrics: tuple[Part, ...]
        explainers: tuple[Part, ...]
        sections: tuple[Part, ...]
        observers: tuple[Part, ...]
        exporters: tuple[Part, ...]

else:
    _Parts = make_dataclass(
        "_Parts", [(kind.key, tuple if kind.many else Part) for kind in KINDS.values()], frozen=True
    )


@dataclass(frozen=True)
class Recipe(_Parts):
    """A checked recipe: everything that a run is configured with.

    An option is ``"auto"`` only if a tuner sets it and has not run yet. Each part is a component with its options.

    Attributes:
        name: Name of the run.
        seed: Seed of all random numbers of the run.
        requires: Requirements on installed distributions, such as ``cvkit-acme>=1.2``.
        shorter: Path of a quicker recipe, or None.
        dataset: The data set.
        sampler: The order of the training images in each epoch.
        augmentations: The augmentations, in the order in which they are applied.
        model: The model.
        loss: The loss.
        optimizer: The optimizer.
        scheduler: The learning-rate scheduler.
        callbacks: The callbacks, in the order in which they are asked.
        tuners: The tuners, in the order in which they run.
        metrics: The metrics that are evaluated after each epoch.
        explainers: The explainers of the report.
        sections: The sections of the report that plugins write.
        observers: The observers of the run.
        exporters: The exporters that ``cvkit export`` uses if it is given none.
        train: Settings of training.
        evaluation: Settings of evaluation.
        selection: Choices by a value on the validation images.
        finetune: Settings of fine-tuning.
        report: Settings of the report.
        plugins: Settings of plugins.
    """

    name: str
    seed: int
    requires: tuple[str, ...]
    shorter: Path | None
    train: TrainSettings
    evaluation: EvaluationSettings
    selection: SelectionSettings
    finetune: FinetuneSettings
    report: ReportSettings
    plugins: PluginSettings

    def without_plugins(self, names: Iterable[str]) -> Recipe:
        """Return a copy that also disables the plugins `names`."""
        disable = tuple(dict.fromkeys([*self.plugins.disable, *names]))
        return replace(self, plugins=self.plugins.model_copy(update={"disable": disable}))

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Yield the path of every part, such as ``model``, ``augmentations.0`` or ``dataset.of``, and the part."""
        for place in fields(self):
            value = getattr(self, place.name)
            own = {place.name: value} if isinstance(value, Part) else {}
            if isinstance(value, tuple):
                parts = (item for item in value if isinstance(item, Part))
                own = {f"{place.name}.{index}": part for index, part in enumerate(parts)}
            for path, part in own.items():
                yield path, part
                yield from ((f"{path}.{inner}", nested) for inner, nested in part.nested())

    def unresolved(self) -> tuple[str, ...]:
        """Return the paths of the options that are still ``"auto"``, because their tuner has not run."""
        values = {f"{path}.{key}": value for path, part in self.parts() for key, value in part.options.items()}
        return tuple(tuner.target for tuner in self.tuners if values.get(tuner.target) == AUTO)

    def values(self) -> dict[str, Any]:
        """Return every value of the recipe by its path, for programs that keep track of runs.

        Returns:
            Paths such as ``seed``, ``model.name``, ``model.width`` and ``train.epochs``, in the order of a recipe.
            Components have their full ids.
        """
        found = {key: getattr(self, key) for key in GeneralSettings.model_fields}
        for path, part in self.parts():
            found[f"{path}.name"] = part.entry.id
            found |= {f"{path}.set": part.target} if isinstance(part, TunerPart) else {}
            plain = {name: value for name, value in part.options.items() if not nests(part.option(name).type)}
            found |= {f"{path}.{name}": value for name, value in plain.items()}
        for key in SECTIONS:
            found |= {f"{key}.{name}": value for name, value in getattr(self, key).values().items()}
        return found

    def value(self, path: str) -> Any:
        """Return the value of an option.

        Args:
            path: The path of the option, as in ``scheduler.max_lr``.

        Raises:
            KeyError: The recipe has no such part or option.
        """
        owner, _, name = path.rpartition(".")
        return dict(self.parts())[owner].options[name]

    def with_value(self, path: str, value: Any) -> Recipe:
        """Return a copy with one option or setting changed, as in ``with_value("scheduler.max_lr", 0.4)``.

        Args:
            path: The path of an option or a setting.
            value: The new value, checked as if it were written in the recipe.

        Returns:
            The changed copy.

        Raises:
            RecipeError: The path does not exist, or the value is not accepted.
        """
        owner, _, name = path.rpartition(".")
        parts = dict(self.parts())
        if not owner and path in GeneralSettings.model_fields:
            return replace(self, **{path: _accepted(path, value, GeneralSettings.options()[path])})
        if owner in SECTIONS and name in SECTIONS[owner].model_fields:
            accepted = _accepted(path, value, SECTIONS[owner].options()[name])
            return replace(self, **{owner: getattr(self, owner).model_copy(update={name: accepted})})
        if owner not in parts or name not in parts[owner].names():
            known = [f"{place}.{option}" for place, part in parts.items() for option in part.options]
            raise RecipeError([Problem(f"the recipe has no '{path}'", did_you_mean(path, known))])
        part = parts[owner]
        if nests(part.option(name).type):
            raise RecipeError([Problem(f"'{path}' is a component: change its options, such as '{path}.seed'")])
        changed = replace(part, options=part.options | {name: _accepted(path, value, part.option(name))})
        key, *rest = owner.split(".")
        return replace(self, **{key: _placed(getattr(self, key), rest, changed)})


def _placed(held: Any, path: Sequence[str], changed: Part) -> Any:
    """Return a part, or a tuple of parts, in which the part at `path` is `changed`."""
    if not path:
        return changed
    head, rest = path[0], path[1:]
    if isinstance(held, tuple):
        return tuple(_placed(one, rest, changed) if index == int(head) else one for index, one in enumerate(held))
    return replace(held, options=held.options | {head: _placed(held.options[head], rest, changed)})


def _accepted(path: str, value: Any, option: Option) -> Any:
    try:
        return coerce(value, option)
    except ValueError as error:
        raise RecipeError([Problem(f"{path} cannot be {show(value)}: {error}")]) from None


def deprecations(recipe: Recipe) -> list[str]:
    """Return a line for each deprecated component of a recipe."""
    return [
        f"{part.entry.kind.singular} '{part.entry.id}' is deprecated: {part.entry.component.deprecated}"
        for part in dict(recipe.parts()).values()
        if part.entry.component.deprecated
    ]
