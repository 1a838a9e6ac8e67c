"""The callbacks of a run, asked in one place: their answers are combined into one `Verdict`.

A verdict and the `Outcome` that it leads to are plain values, so one process could ask the callbacks for many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ..checkpoint.serialization import require_packable
from ..data.splits import DataInfo
from ..errors import CheckpointError, ComponentFailure, RunError
from ..guard import Guard, shown
from ..recipe import Recipe
from ..recipe.metric_names import metric_names
from ..recipe.settings import SelectionSettings
from ..seeding import preserved_on_cpu, seed_cpu
from ..step_progress import Progress
from ..tasks import TASKS
from .best_epoch import EarlyStopping, KeepBest
from .building import drawn
from .callback import Callback, Decision, Goal, Goals
from .metrics import lower_is_better
from .predictions import Predictions
from .records import EpochRecord, Score
from .schedule import RateChange
from .step_plan import StepPlan

Call = Callable[..., Any]


_NO_CHANGE = RateChange()


@dataclass
class Member:
    """A callback of the run.

    Attributes:
        name: Its id, or the setting that it belongs to.
        callback: The callback.
        guard: Calls it; None for cvkit's own.
        rate: The factor or the rate that it last answered.
    """

    name: str
    callback: Callback
    guard: Guard | None = None
    rate: RateChange = _NO_CHANGE

    @property
    def sees_steps(self) -> bool:
        """Whether the callback is asked before each step: if it has a method of its own for that."""
        return getattr(type(self.callback), "before_step", None) is not Callback.before_step

    def call(self, function: Call, *given: Any) -> Any:
        """Return ``function(*given)``; an error names the component."""
        return function(*given) if self.guard is None else self.guard(function, *given)

    def ask(self, function: Call, given: object) -> Decision:
        """Return the callback's decision; raise `ComponentFailure` if it answers something else."""
        made = self.call(function, given)
        if made is None:
            return Decision()
        if not isinstance(made, Decision):
            raise self.failure(f"returned {shown(made)} from {function.__name__}(); expected a Decision or None")
        return made

    def failure(self, what: str) -> ComponentFailure:
        """Return an error with the component's name."""
        return ComponentFailure(f"{self.name} {what}", self.name) if self.guard is None else self.guard.failure(what)


@dataclass(frozen=True)
class Verdict:
    """What the callbacks decided together after an epoch.

    Attributes:
        rate: The change of the scheduler's learning rates from now on.
        stopped: Why training stops and who decided it; empty if it continues.
        keeps: Whether the weights of the epoch are kept.
        kept_for: Why they are kept; may be empty.
        lines: A line for each decision that readers of the run see.
    """

    rate: RateChange
    stopped: str = ""
    keeps: bool = False
    kept_for: str = ""
    lines: tuple[str, ...] = ()


class Deciding:
    """Asks `members` in order. All of them are asked, whatever the others answer.

    Training stops if one of them stops it, and the weights of an epoch are kept if one of them keeps them; the first
    that does gives the reason. The learning rate is the one that the last member with a rate answered, or else the
    scheduler's, multiplied by the factors of all members. `seed` is the run's.
    """

    def __init__(self, members: Iterable[Member], seed: int) -> None:
        self.members, self._seed = tuple(members), seed
        self._of_steps = [member for member in self.members if member.sees_steps]

    @property
    def rate(self) -> RateChange:
        """The change of the learning rates that all members together want."""
        rates = [member.rate.lr for member in self.members if member.rate.lr is not None]
        return RateChange(prod(member.rate.factor for member in self.members), rates[-1] if rates else None)

    def before_step(self, progress: Progress) -> RateChange:
        """Return the change of the learning rates from this step on."""
        for number, member in enumerate(self._of_steps):
            # The step that follows seeds the generators again, so they need not be restored.
            seed_cpu("callback before a step", self._seed, progress.step, number)
            decision = member.ask(member.callback.before_step, progress)
            if decision.stop or decision.keep:
                word = "stop" if decision.stop else "keep"
                raise member.failure(f"answered {word} in before_step(); it can do that only in after_epoch()")
            member.rate = _changed(member.rate, decision)
        return self.rate

    def after_epoch(self, record: EpochRecord) -> Verdict:
        """Return what the members decide by the record of an epoch. They do not see values of the test images."""
        known = without_test(record)
        decisions, lines = [], []
        with preserved_on_cpu():
            for number, member in enumerate(self.members):
                seed_cpu("callback after an epoch", self._seed, record.epoch, number)
                decision = member.ask(member.callback.after_epoch, known)
                before, member.rate = member.rate, _changed(member.rate, decision)
                decisions.append((member, decision))
                lines += [f"{member.name} {_because(what, decision)}" for what in _deeds(decision, before)]
        stops = [f"{made.reason or 'decided so'} ({member.name})" for member, made in decisions if made.stop]
        keeps = [made.reason for _, made in decisions if made.keep]
        return Verdict(
            self.rate,
            stopped=stops[0] if stops else "",
            keeps=bool(keeps),
            kept_for=keeps[0] if keeps else "",
            lines=tuple(lines),
        )

    def state(self) -> list[dict[str, Any]]:
        """Return the state of each member."""
        return [
            {
                "name": member.name,
                "state": member.call(member.callback.state_dict),
                "factor": member.rate.factor,
                "lr": member.rate.lr,
            }
            for member in self.members
        ]

    def restore(self, states: Sequence[dict[str, Any]]) -> None:
        """Continue from the result of `state`; raise `CheckpointError` if it belongs to other callbacks."""
        if [state["name"] for state in states] != [member.name for member in self.members]:
            raise CheckpointError(
                f"the checkpoint has the callbacks {[state['name'] for state in states]}, but the recipe has "
                f"{[member.name for member in self.members]}; start a new run"
            )
        for member, state in zip(self.members, states, strict=True):
            member.call(member.callback.load_state_dict, state["state"])
            member.rate = RateChange(state["factor"], state["lr"])

    def require_storable(self) -> None:
        """Raise `ComponentFailure` if a checkpoint cannot store the state of a callback."""
        for member in self.members:
            state = member.call(member.callback.state_dict)
            try:
                require_packable(state)
            except CheckpointError as error:
                raise member.failure(f"has a state that cannot be saved: {error}") from error
            if not isinstance(state, dict):
                raise member.failure(f"returned {shown(state)} from state_dict(); expected a dict")


def deciding(recipe: Recipe, info: DataInfo, plan: StepPlan, has_validation: bool) -> Deciding:
    """Return the callbacks of `selection` and then those of the recipe, built.

    Raises `ComponentError` or `ComponentFailure` if a callback cannot be built.
    """
    members: list[Member] = []
    if recipe.selection.chooses or recipe.callbacks:
        goals = goals_of(recipe, info, has_validation)
        members += _of_selection(recipe.selection, goals)
        for number, part in enumerate(recipe.callbacks, start=1):
            built = drawn(recipe, "initialisation of a callback", part, goals, plan, number=number)
            members.append(Member(part.entry.id, built, Guard(part.entry)))
    return Deciding(members, recipe.seed)


def require_choice(recipe: Recipe, info: DataInfo, has_validation: bool) -> None:
    """Raise `RunError` if the run cannot make the choices of `selection`."""
    if recipe.selection.chooses:
        try:
            goals_of(recipe, info, has_validation).of(recipe.selection.metric)
        except ValueError as error:
            raise RunError(f"selection.{error}") from None


def goals_of(recipe: Recipe, info: DataInfo, has_validation: bool) -> Goals:
    """Return the values that callbacks may decide by."""
    best: dict[str, Goal] = {"train_loss": "min"}
    if has_validation:
        lowest = lower_is_better(recipe.metrics, info)
        best |= {TASKS[info.task].score: "max", "loss": "min"}
        best |= {name: "min" if name in lowest else "max" for name in metric_names(recipe.metrics)}
    return Goals(best, TASKS[info.task].score)


def _of_selection(settings: SelectionSettings, goals: Goals) -> Iterable[Member]:
    metric, goal, change = settings.metric, settings.goal, settings.min_change
    if settings.keep_best:
        yield Member("selection.keep_best", KeepBest(goals, metric=metric, goal=goal, min_change=change))
    if (patience := settings.patience) is not None:
        stopping = EarlyStopping(goals, metric=metric, goal=goal, patience=patience, min_change=change)
        yield Member("selection.patience", stopping)


def try_callbacks(
    asked: Deciding, beginning: Progress, metrics: Sequence[str], has_validation: bool, some: Predictions
) -> None:
    """Raise `ComponentFailure` if a callback fails before a step, after an epoch, or when a checkpoint is written.

    `asked` is not used afterwards. The record that it sees is artificial, with the scores of `some` predictions.
    """
    evaluated: Mapping[Score, Predictions | None] = {"test": some, "validation": some if has_validation else None}
    record = EpochRecord(
        epoch=1, step=1, train_loss=1.0, train_accuracy=0.5, test_loss=1.0, learning_rate=0.1,
        images_per_second=1.0, seconds=1.0, step_losses=(1.0,), step_lrs=(0.1,), step_momenta=(0.9,),
        metrics=dict.fromkeys(metrics, 0.5), validation_loss=1.0 if has_validation else None,
        **EpochRecord.score_fields(evaluated),
    )  # fmt: skip
    with preserved_on_cpu():
        asked.before_step(beginning)
        asked.after_epoch(record)
        asked.require_storable()


def without_test(record: EpochRecord) -> EpochRecord:
    """Return the record without the values of the test images, by which nothing is chosen."""
    scores = {which: score for which, score in record.scores.items() if which != "test"}
    known = replace(record, test_loss=None, test_accuracy=None, scores=scores)
    if record.half == "test":
        known = replace(known, metrics={}, accuracy_tta=None, accuracy_unaveraged=None, scores={})
    return known


def _changed(rate: RateChange, decision: Decision) -> RateChange:
    """Return a member's change of the rate after a decision; without a factor or a rate it remains."""
    if decision.lr is not None:
        return RateChange(lr=float(decision.lr))
    return rate if decision.lr_factor is None else RateChange(factor=float(decision.lr_factor))


def _deeds(decision: Decision, before: RateChange) -> Iterable[str]:
    """Yield what a decision changes, for the run's output. The end of the run names the kept weights."""
    now = _changed(before, decision)
    if now != before:
        multiplied = f"multiplies the scheduled learning rate by {now.factor:.4g}"
        yield multiplied if now.lr is None else f"sets the learning rate to {now.lr:.4g}"
    if decision.stop:
        yield "stops training"


def _because(what: str, decision: Decision) -> str:
    return f"{what}: {decision.reason}" if decision.reason else what
