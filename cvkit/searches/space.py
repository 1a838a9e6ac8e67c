"""The space of a search: which values each place of a recipe may have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PositiveFloat

from ..formatting import legible
from ..recipe.coercion import Words
from ..recipe.dump import in_one_line
from ..recipe.settings_group import Settings

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class RangeKeys(Settings):
    """A range of numbers. Whole ends give whole numbers, unless the option is a number such as a learning rate."""

    low: float = Field(description="The lowest value.")
    high: float = Field(description="The highest value, above `low`.")
    log: bool = Field(False, description="Draw evenly on a logarithmic scale; requires `low` above 0.")
    step: PositiveFloat | None = Field(
        None, description="Difference of neighbouring values, at most high - low; excludes `log`."
    )


class ChoiceKeys(Settings):
    """Values of any type that the place accepts, such as numbers, names, or components with options."""

    choices: Annotated[list[Any], Field(min_length=1), Words("a list with at least one value")] = Field(
        description="The values, each of them once."
    )


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; integers if `whole`.

    Attributes:
        low: The lowest value.
        high: The highest value.
        log: Whether values are drawn evenly on a logarithmic scale.
        step: The difference of neighbouring values; None for all numbers, or all integers.
        whole: Whether the values are integers.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def distribution(self) -> BaseDistribution:
        """Return the range for Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(float(self.low), float(self.high), log=self.log, step=self.step)

    def samples(self) -> tuple[Any, ...]:
        """Return the values that are checked before the search."""
        return (self.low, self.high)

    def text(self, value: Any) -> str:
        """Return a value that Optuna proposed as an override writes it."""
        return json.dumps(int(value) if self.whole else float(value))

    def shown(self, value: Any) -> str:
        """Return a value for readers, a number with 4 digits."""
        return str(value) if self.whole else f"{value:.4g}"

    def to_json(self) -> dict[str, Any]:
        """Return the range for search.json."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step, "whole": self.whole}


@dataclass(frozen=True)
class Choices:
    """Some values, which may be of any type that a recipe can contain; `texts` has them as JSON."""

    texts: tuple[str, ...]

    def distribution(self) -> BaseDistribution:
        """Return the choices for Optuna, which stores only plain values, as their text."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.texts)

    def samples(self) -> tuple[Any, ...]:
        """Return the values that are checked before the search."""
        return tuple(map(json.loads, self.texts))

    def text(self, value: Any) -> str:
        """Return a value that Optuna proposed as an override writes it."""
        return str(value)

    def shown(self, value: Any) -> str:
        """Return a value for readers, as a recipe contains it."""
        return in_one_line(json.loads(value))

    def short(self, value: Any, limit: int) -> str:
        """Return a value for a figure, in at most `limit` characters; a component by its name if that is enough."""
        names = [each.get("name") if isinstance(each, dict) else None for each in self.samples()]
        name = names[self.texts.index(value)]
        return legible(str(name) if name and names.count(name) == 1 else self.shown(value), limit)

    def to_json(self) -> dict[str, Any]:
        """Return the choices for search.json."""
        return {"choices": [*self.samples()]}


Space = Range | Choices
