"""Recipes of the toy plugins, and the problems that their check ends in."""

from __future__ import annotations

from collections.abc import Iterable

from cvkit.errors import Problem, RecipeError

BASE = """dataset: shapes
model: toy/net
optimizer: sgd
"""
TUNED = BASE + "scheduler: {name: one_cycle, max_lr: auto}\ntuners: [{name: range_test, set: scheduler.max_lr}]\n"


def place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def written(problems: Iterable[Problem]) -> str:
    """The text of problems, as their error shows it."""
    return str(RecipeError([*problems]))
