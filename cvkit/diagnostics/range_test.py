"""Build the page of `cvkit lr-find`: the proposed rate, what it means, and the lines that use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.parts import RunParts
from ..engine.proposal import Proposal
from ..engine.usual_rate import usual_range
from ..figures.artifacts import Figure, Table
from ..figures.page import Fact, Page, Section
from ..formatting import counted
from ..printable import shell_words
from ..recipe import AUTO, TunerPart
from ..recipe.dump import dump, in_one_line
from .recipe_table import recipe_table

_RULES = (
    "Each rule reads one rate from every order of the data, and the median counts. IQR: the distance between the "
    "quartiles of these rates in decades; 0.3 is a factor of 2. Rules that are far apart show that the curve has no "
    "clear edge."
)


@dataclass(frozen=True)
class RangeTest:
    """A range test that has run.

    Attributes:
        parts: The parts of the recipe that it was run for.
        tuner: The range test with its options.
        proposal: What it proposes.
        given: The values of the user's recipe by path, before a range test was added to it.
        arguments: The recipe and the options of the command, for the commands on the page.
    """

    parts: RunParts
    tuner: TunerPart
    proposal: Proposal
    given: Mapping[str, Any]
    arguments: tuple[object, ...]

    def page(self, figure: Figure | None, warnings: Sequence[str], version: str) -> Page:
        """Return the page; `figure` is the drawing of the range test, if there is one."""
        recipe, target = self.parts.recipe, self.tuner.target
        model, data = (part.entry.member or part.entry.component.name for part in (recipe.model, recipe.dataset))
        none = self.proposal.value is None
        table = rule_table(self.proposal.data)
        return Page(
            title=f"Learning rate of {recipe.name}",
            subtitle=f"{self.tuner.entry.id} for {target}: {model} on {data}. No run was made.",
            facts=tuple(self._facts()),
            warnings=tuple(warnings),
            notes=() if none else tuple(self._meaning()),
            sections=(
                Section("Losses", (figure,) if figure else ()),
                Section("Try again" if none else "Use this rate", tuple(self._use()), broad=True),
                Section("Rates of the rules", (table,) if table else ()),
            ),
            details=(
                Table("options", "Options of the range test", "", ("option", "value"), self._options()),
                recipe_table(recipe),
            ),
            recipe=dump(recipe),
            downloads=(("lr_range_test.json", "the rate of each rule and every loss"),),
            generated=f"Created by cvkit {version}.",
        )

    def _facts(self) -> Iterator[Fact]:
        recipe, target, value = self.parts.recipe, self.tuner.target, self.proposal.value
        yield Fact(target, "none" if value is None else in_one_line(value), self.proposal.reason)
        if usual := usual_range(recipe, target):
            yield Fact("Usual range", f"{usual[0]:g} to {usual[1]:g}", f"of {recipe.optimizer.entry.id}")
        before = self.given.get(target)
        if before == AUTO:
            yield Fact("Value in the recipe", AUTO, "each run measures the rate first")
        else:
            yield Fact("Value in the recipe", in_one_line(before), "each run uses it, whatever a range test proposes")
        batching = self.parts.batching
        one = counted(recipe.train.batch_size, "image")
        together = f"{batching.accumulate} times {one}" if batching.accumulate > 1 else ""
        yield Fact("Images per step", f"{batching.batch_size * batching.accumulate:,}", together)
        yield Fact("Training images", f"{len(self.parts.train_source):,}")

    def _meaning(self) -> Iterator[str]:
        """Yield what the rate is, for what it holds, and what the test does not see."""
        target, scheduler = self.tuner.target, self.parts.recipe.scheduler.entry.component.name
        if target.startswith("optimizer."):
            yield f"{target} is the rate of the optimizer, which the scheduler {scheduler} changes over a run."
        else:
            yield f"{target} is the highest learning rate of the scheduler; all others follow from it."
        yield (
            "The rate holds for this model, optimizer, batch size, loss and these augmentations. Measure it again "
            "after a change of one of them."
        )
        yield (
            "The test sees the first steps of a training only, so a lower rate may be better over a whole run. The "
            "tuner successive_halving compares rates in short trainings with the complete schedule."
        )

    def _use(self) -> Iterator[Table]:
        """Yield the commands and the lines of the recipe that use the rate, or another test if there is none."""
        rows = self._next_rows() if self.proposal.value is None else self._use_rows()
        if found := tuple(rows):
            yield Table("use", "Commands and lines", "Copy what you need.", ("to", "write"), found)

    def _use_rows(self) -> Iterator[tuple[str, str]]:
        target, value = self.tuner.target, in_one_line(self.proposal.value)
        chosen: tuple[str, ...] = ("--set", f"{target}={value}")
        if "tuners.0.name" in self.given and "tuners.1.name" not in self.given:
            chosen = (*chosen, "--set", "tuners=[]")  # else the run would measure a rate that it does not use
        yield "train with this rate once", shell_words("cvkit", "run", *self.arguments, *chosen)
        yield "see the schedule with this rate", shell_words("cvkit", "preview", *self.arguments, *chosen)
        place, _, option = target.rpartition(".")
        part = dict(self.parts.recipe.parts())[place]
        if "." in place:  # a part in a list, whose other parts would have to be written too
            yield "keep this rate, in the recipe", f"{option}: {value}, in {place}"
            return
        given = {name: known for name, known in part.options.items() if known != part.option(name).default}
        for what, rate in (("keep this rate", self.proposal.value), ("measure the rate in each run", AUTO)):
            written = in_one_line({"name": part.entry.id, **given, option: rate})
            yield f"{what}, in the recipe", f"{place}: {written}"
        tuner = in_one_line({"name": self.tuner.entry.id, "set": target})
        yield "with this tuner, also in the recipe", f"tuners: [{tuner}]"
        if self.tuner.options.get("verify") is False:
            again = shell_words("cvkit", "lr-find", *self.arguments, "--verify")
            yield "compare the rate with a lower and a higher one", again

    def _next_rows(self) -> Iterator[tuple[str, str]]:
        """Yield a test with twice as many steps, if the tuner has such an option."""
        if isinstance(steps := self.tuner.options.get("steps"), int):
            asked = in_one_line({"name": self.tuner.entry.id, "set": self.tuner.target, "steps": 2 * steps})
            command = shell_words("cvkit", "lr-find", *self.arguments, "--set", f"tuners=[{asked}]")
            yield f"test with {counted(2 * steps, 'step')}, which has less noise", command
        yield "see the data and the schedule", shell_words("cvkit", "preview", *self.arguments)

    def _options(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, in_one_line(value)) for name, value in self.tuner.options.items())


def rule_table(data: Mapping[str, Any]) -> Table | None:
    """Return the rate that each rule chose, and its interquartile range, in decades, over the orders of the data.

    For data in another form, such as those of another plugin's range test, return the plain values; None without any.
    """
    rules = data.get("rules")
    if isinstance(rules, dict) and all(isinstance(rule, dict) for rule in rules.values()):
        rows = tuple(
            (
                f"{name} *" if name == data.get("pick") else str(name),
                _number(rule, "rate", "g"),
                _number(rule, "iqr", ".2f"),
            )
            for name, rule in rules.items()
        )
        return Table("rules", "Rules", _RULES, ("rule (* picked)", "rate", "IQR in decades"), rows)
    plain = tuple((str(name), str(value)) for name, value in data.items() if isinstance(value, str | int | float))
    return Table("measured", "Measurements", "", ("measured", "value"), plain) if plain else None


def _number(rule: Mapping[str, Any], name: str, form: str) -> str:
    value = rule.get(name)
    if value is None:
        return "none" if name == "rate" else ""
    return format(value, form) if isinstance(value, int | float) else str(value)
