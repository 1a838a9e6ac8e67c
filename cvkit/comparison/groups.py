"""Groups runs that repeat one recipe with other seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import RunError
from ..formatting import counted
from ..printable import on_one_line
from .changed import differences, trained_by
from .run_results import RunResults


@dataclass(frozen=True)
class Group:
    """Runs of one recipe.

    Attributes:
        letter: A, B and so on, in the order of the command.
        runs: The runs.
    """

    letter: str
    runs: tuple[RunResults, ...]

    @property
    def name(self) -> str:
        """The name of the run folder, or of the recipe and the number of runs."""
        if len(self.runs) == 1:
            return on_one_line(self.runs[0].name)
        return f"{on_one_line(str(self.runs[0].recipe.get('name', 'run')))}, {counted(len(self.runs), 'run')}"

    def __str__(self) -> str:
        return f"{self.letter} ({self.name})"


def grouped(runs: Sequence[RunResults], against: Sequence[RunResults]) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Return the groups, and lines about what a reader should know of them.

    With `against` there are two groups, `runs` and `against`. Otherwise runs whose recipes, code and data differ at
    most in the seed are a group; if all runs are, each is a group of its own.

    Raises:
        RunError: There are fewer than two runs, or a run is given twice.
    """
    given = [*runs, *against]
    twice = [path for path, count in Counter(run.path.resolve() for run in given).items() if count > 1]
    if twice:
        raise RunError(f"the run in '{twice[0]}' is given twice; name each run once")
    if len(given) < 2 or not runs:
        raise RunError("a comparison needs at least two runs; name the folders of two runs")
    notes = []
    if against:
        members = [[*runs], [*against]]
    else:
        by_recipe: dict[frozenset[tuple[str, str]], list[RunResults]] = {}
        for run in runs:
            by_recipe.setdefault(trained_by(run), []).append(run)
        members = [*by_recipe.values()]
        if len(members) == 1:
            members = [[run] for run in runs]
            notes.append("The runs differ at most in the seed, so any difference between them is due to chance.")
    groups = tuple(Group(_letter(number), tuple(each)) for number, each in enumerate(members))
    return groups, (*notes, *(line for group in groups for line in _doubts(group)))


def _doubts(group: Group) -> list[str]:
    lines = []
    seeds = Counter(run.seed for run in group.runs)
    repeated = [seed for seed, count in seeds.items() if count > 1]
    if repeated:
        lines.append(f"{group}: several runs have the seed {repeated[0]}, so they are not independent trainings.")
    if len({trained_by(run) for run in group.runs}) > 1:
        other = next(run for run in group.runs if trained_by(run) != trained_by(group.runs[0]))
        found = [each.what for each in differences(group.runs[0], other) if each.what not in ("seed", "executable")]
        lines.append(f"{group}: the runs differ in more than the seed: {', '.join(found[:5])}.")
    return lines


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"run {number + 1}"
