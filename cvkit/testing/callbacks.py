"""The checks of callbacks, as required by training and checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..checkpoint.serialization import pack, unpack
from ..engine.callback import Goals
from ..engine.deciding import Deciding, Member, Verdict
from ..engine.records import EpochRecord
from ..engine.schedule import RateChange
from ..engine.step_plan import StepPlan
from ..errors import ComponentError, ComponentFailure
from ..kinds import KINDS
from ..step_progress import Progress
from ..tasks import MULTI_LABEL, SINGLE_LABEL
from .contract import promise
from .suite import Suite

_Event = Progress | EpochRecord
_Answer = RateChange | Verdict


class CallbackSuite(Suite):
    """The checks that every callback must pass.

    The callback is asked as in a run of `plan`. In its records every value improves for some epochs, then becomes
    worse, and then remains constant.

    Attributes:
        goals: The values of the records.
        plan: The planned steps of the run, by default 12 epochs of 3 steps.
    """

    kind = KINDS["callbacks"]
    goals: Goals = Goals({"train_loss": "min", "accuracy": "max", "loss": "min", "macro_f1": "max"})
    plan: StepPlan = StepPlan(steps_per_epoch=3, epochs=12)

    def supplied(self) -> tuple[Goals, StepPlan]:
        """Return the values that it may decide by, and the plan."""
        return (self.goals, self.plan)

    def _asked(self) -> Deciding:
        """Return a new callback, as a run asks it."""
        return Deciding([Member("it", self.build())], seed=0)

    def _events(self, values: Iterable[float] | None = None) -> list[_Event]:
        """Return what a callback sees in a run whose records have `values`, from 0 for bad to 1 for good."""
        steps, epochs = self.plan.steps_per_epoch, self.plan.epochs
        events: list[_Event] = []
        for epoch, value in zip(range(epochs), values or _rise_and_fall(epochs), strict=False):
            events += [Progress.of(epoch, step, steps, steps * epochs) for step in range(steps)]
            events.append(self._record(epoch + 1, value))
        return events

    def _record(self, epoch: int, value: float) -> EpochRecord:
        steps = self.plan.steps_per_epoch
        values = {
            name: max(value, 0.0) if best == "max" else 2 * (1 - value) for name, best in self.goals.best.items()
        }
        own = ("train_loss", "accuracy", "loss")
        train_loss, accuracy, loss = (values.get(name, 1 - value) for name in own)
        return EpochRecord(
            epoch=epoch,
            step=epoch * steps,
            train_loss=train_loss,
            train_accuracy=accuracy,
            test_loss=None,
            test_accuracy=None,
            learning_rate=0.1,
            images_per_second=100.0,
            seconds=1.0,
            step_losses=(train_loss,) * steps,
            step_lrs=(0.1,) * steps,
            step_momenta=(0.9,) * steps,
            metrics={name: number for name, number in values.items() if name not in own},
            validation_loss=loss,
            validation_accuracy=accuracy,
        )

    def test_answers(self) -> None:
        """It answers with a `Decision` or None, and stops or keeps weights only after an epoch."""
        with promise(
            "every callback answers with a Decision or None; before a step, only the rate changes"
        ) as broken:
            try:
                _answers(self._asked(), self._events())
            except ComponentFailure as error:
                broken(str(error), "Return a cvkit.Decision, or None to change nothing")

    def test_any_records(self) -> None:
        """It works with constant, very good, very bad and alternating values, also after it answered stop."""
        epochs = self.plan.epochs
        with promise(
            "every callback works with any values, also if training continues after it answered stop"
        ) as broken:
            for name, values in (
                ("constant values", [0.5] * epochs),
                ("perfect values", [1.0] * epochs),
                ("the worst values", [0.0] * epochs),
                ("alternating values", [float(epoch % 2) for epoch in range(epochs)]),
                ("very large losses", [-1e30] * epochs),
            ):
                try:
                    _answers(self._asked(), self._events(values))
                except Exception as error:
                    broken(f"{type(error).__name__} for {name}: {error}")

    def test_repeatable(self) -> None:
        """Two callbacks with the same options decide the same."""
        with promise("a callback's decisions depend only on what it saw, so that a run can be resumed") as broken:
            first, second = (_answers(self._asked(), self._events()) for _ in range(2))
            for event, one, other in zip(self._events(), first, second, strict=True):
                if one != other:
                    broken(
                        f"another object with the same options decides differently {_place(event)}",
                        "Keep state in the object, and measure no time",
                    )

    def test_state(self) -> None:
        """A checkpoint can store its state at any time."""
        with promise("the state of every callback is a dict that a checkpoint can store") as broken:
            asked = self._asked()
            for event in [None, *self._events()]:
                if event is not None:
                    _answers(asked, [event])
                try:
                    asked.require_storable()
                except ComponentFailure as error:
                    broken(str(error), "Return numbers, strings, lists, dicts and tensors from state_dict()")

    def test_resume(self) -> None:
        """Restored from a checkpoint at any step, it decides exactly the same."""
        events = self._events()
        for stop in range(len(events)):
            with promise("a callback that is restored from a checkpoint decides exactly the same") as broken:
                asked, resumed = self._asked(), self._asked()
                _answers(asked, events[:stop])
                packed, tensors = pack({"callbacks": asked.state()})
                resumed.restore(unpack(json.loads(json.dumps(packed)), tensors)["callbacks"])
                expected, found = (_answers(one, events[stop:]) for one in (asked, resumed))
                for event, one, other in zip(events[stop:], expected, found, strict=True):
                    if one != other:
                        when = "at the beginning" if stop == 0 else _place(events[stop - 1])
                        broken(
                            f"restored {when}, it decides differently {_place(event)}",
                            "Return everything that decides from state_dict(), and take it in load_state_dict()",
                        )

    def test_any_task(self) -> None:
        """If images have sets of labels, it decides by the main score as by the accuracy."""
        if MULTI_LABEL.name not in self.supported:
            return
        goals = Goals({_score_of_sets(name): best for name, best in self.goals.best.items()}, MULTI_LABEL.score)
        try:
            built = self.entry.build(goals, self.plan, **self._accepted_options())
        except ComponentError:
            return  # an option names the accuracy, and a run reports this before it starts
        with promise("every callback decides by the main score of any task, or declares its tasks") as broken:
            expected = _answers(self._asked(), self._events())
            found = _answers(Deciding([Member("it", built)], seed=0), map(_of_sets, self._events()))
            for event, one, other in zip(self._events(), expected, found, strict=True):
                if _decided(one) != _decided(other):
                    broken(
                        f"for sets of labels it decides differently {_place(event)}",
                        "Use record.score, because record.accuracy is NaN for sets of labels; or declare "
                        "tasks=('single_label',)",
                    )

    def test_record(self) -> None:
        """It does not modify the record, which other callbacks see and the run saves."""
        with promise("a callback leaves the record as it is") as broken:
            events = self._events()
            _answers(self._asked(), events)
            for event, fresh in zip(events, self._events(), strict=True):
                if event != fresh:
                    broken(f"another record afterwards, {_place(event)}", "Work on a copy")


def _score_of_sets(name: str) -> str:
    return MULTI_LABEL.score if name == SINGLE_LABEL.score else name


def _of_sets(event: _Event) -> _Event:
    """Return a record as that of a run whose images have sets of labels."""
    if isinstance(event, Progress):
        return event
    return replace(
        event,
        train_accuracy=None,
        validation_accuracy=None,
        score_name=MULTI_LABEL.score,
        scores={"validation": event.accuracy},
        thresholds=(0.5, 0.5),
    )


def _decided(answer: _Answer) -> tuple[object, ...]:
    """Return an answer without its reasons, which name the score."""
    if isinstance(answer, Verdict):
        return answer.rate, bool(answer.stopped), answer.keeps
    return (answer,)


def _answers(asked: Deciding, events: Iterable[_Event]) -> list[_Answer]:
    """Return what a run would do at each event."""
    return [asked.before_step(each) if isinstance(each, Progress) else asked.after_epoch(each) for each in events]


def _place(event: Any) -> str:
    return f"before step {event.step + 1}" if isinstance(event, Progress) else f"after epoch {event.epoch}"


def _rise_and_fall(epochs: int) -> Iterator[float]:
    """Yield a value in [0, 1] for each epoch: it rises, falls, and remains constant, a third each."""
    third = max(1, epochs // 3)
    for epoch in range(epochs):
        yield 0.3 + 0.6 * min(epoch, third) / third - 0.3 * min(max(0, epoch - third), third) / third
