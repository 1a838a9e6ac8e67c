"""Whether the components of a recipe support the task of its data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import Problem, RecipeError
from ..kinds import Kind
from ..tasks import TASKS
from .recipe import Part, Recipe


def task_of(dataset: Part) -> str | None:
    """Return the task of a data set with the options of a recipe; None if the data must be opened to know it.

    A data set that wraps others, and that may have several tasks, has the task that all of the others have.
    """
    component, tasks = dataset.entry.component, dataset.entry.tasks
    for name, task in component.task_options.items():
        if name in dataset.options and dataset.options[name] != dataset.option(name).default:
            return task
    if len(tasks) == 1 or component.task_options:
        return tasks[0]
    wrapped = {task_of(part) for _, part in dataset.nested() if part.entry.kind.key == "dataset"}
    return wrapped.pop() if len(wrapped) == 1 else None


def misfits(parts: Iterable[tuple[str, Part]], task: str) -> Iterator[tuple[str, Part, str]]:
    """Yield the place, the part and a message for each part that does not support a task."""
    for place, part in parts:
        if part.entry.kind.key != "dataset" and task not in part.entry.tasks:
            yield place, part, f"{_supported(part)}, but the data set is {task}: {TASKS[task].meaning}"


def misfit_datasets(dataset: Part) -> Iterator[tuple[Part, str]]:
    """Yield each data set in the options of another one that does not support its task, and a message."""
    for _, part in dataset.nested():
        task = task_of(part) if part.entry.kind.key == "dataset" else None
        if task is not None and task not in dataset.entry.tasks:
            yield part, f"{_supported(dataset)}, but '{part.entry.id}' in it is {task}: {TASKS[task].meaning}"


def _supported(part: Part) -> str:
    return f"{part.entry.kind.singular} '{part.entry.id}' supports {', '.join(part.entry.tasks)}"


def instead(kind: Kind, names: Iterable[str] = ()) -> str:
    """Return a sentence that says what to use instead of a component of a kind: one of `names`, if there are any."""
    listed = ", ".join(names)
    which = f"use {listed}" if listed else f"use another {kind.singular}; see: cvkit list {kind.name}"
    return f"{which}, or remove it from '{kind.key}'" if kind.many else which


def require_task(recipe: Recipe, task: str) -> None:
    """Raise `RecipeError` with every component that does not support the task of the opened data set."""
    problems = [Problem(message, instead(part.entry.kind)) for _, part, message in misfits(recipe.parts(), task)]
    if problems:
        raise RecipeError(problems)
