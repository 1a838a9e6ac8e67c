"""`Advisor`: Optuna's samplers and pruners as functions of the trials so far.

For each trial, a study is built in memory from the files of the earlier trials, and the sampler is seeded with the
seed of the search and the number of the trial. So what is proposed does not depend on when a process was killed, and
a trial that is resumed gets the same answers of the pruner. Optuna's own storage has no such property: a killed trial
stays "running" in it for ever, with some of its values missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunError
from ..files.safe_io import require_own_file
from ..seeding import derive
from .definition import SearchDefinition
from .trials import Trial

if TYPE_CHECKING:
    import optuna

_NAME = "cvkit"  # the pruner hyperband hashes the name of the study
_OF_PRUNERS = "completed_rung_"  # what successive halving, and so hyperband, writes into a trial


def require_optuna() -> None:
    """Raise `RunError` unless Optuna can be imported."""
    try:
        import optuna  # noqa: F401  # only whether it is installed
    except ImportError as error:
        raise RunError(
            f"cvkit search needs Optuna, which could not be imported ({error}); install it with: "
            "python -m pip install 'cvkit-core[search]'"
        ) from error


class Advisor:
    """Proposes the values of one trial, or takes those that it has, and says after each epoch whether to prune it."""

    def __init__(
        self, search: SearchDefinition, goal: str, epochs: int, earlier: Sequence[Trial], trial: Trial | None = None
    ) -> None:

        number = len(earlier) if trial is None else trial.number
        distributions = {path: space.distribution() for path, space in search.space.items()}
        study = study_of(search, goal, epochs, earlier, derive("search", search.settings.seed, number) % 2**32)
        if trial is not None:
            study.enqueue_trial(dict(trial.params))
        self._asked = study.ask(distributions)
        self.params: dict[str, Any] = dict(self._asked.params)
        self.values: list[float] = []

    def prunes(self, value: float) -> bool:
        """Return whether to end the trial, given the metric after its next epoch."""
        self.values.append(value)
        self._asked.report(value, len(self.values))
        return self._asked.should_prune()

    def attrs(self) -> dict[str, Any]:
        """Return what the pruner remembers of the trial."""
        kept = self._asked.storage.get_trial_system_attrs(self._asked._trial_id)  # no public name
        return {name: value for name, value in kept.items() if name.startswith(_OF_PRUNERS)}


def study_of(
    search: SearchDefinition, goal: str, epochs: int, trials: Sequence[Trial], seed: int = 0
) -> optuna.Study:
    """Return a study in memory with these trials; those that are running count as running for the sampler."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # else each study writes a line
    settings = search.settings
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
    if settings.sampler == "tpe":
        sampler = optuna.samplers.TPESampler(seed=seed)
    pruners: Mapping[str, optuna.pruners.BasePruner] = {
        "median": optuna.pruners.MedianPruner(),
        "hyperband": optuna.pruners.HyperbandPruner(min_resource=1, max_resource=max(1, epochs)),
        "none": optuna.pruners.NopPruner(),
    }
    study = optuna.create_study(
        study_name=_NAME,
        sampler=sampler,
        pruner=pruners[settings.pruner],
        direction="minimize" if goal == "min" else "maximize",
    )
    study.add_trials([frozen(search, trial) for trial in trials])
    return study


def frozen(search: SearchDefinition, trial: Trial) -> optuna.trial.FrozenTrial:
    """Return a trial as Optuna stores it. A pruned trial has the value of its last epoch, as Optuna gives it."""
    import optuna

    states = {
        "running": optuna.trial.TrialState.RUNNING,
        "complete": optuna.trial.TrialState.COMPLETE,
        "pruned": optuna.trial.TrialState.PRUNED,
        "failed": optuna.trial.TrialState.FAIL,
    }
    value = trial.values[-1] if trial.state == "pruned" and trial.values else trial.value
    return optuna.trial.create_trial(
        state=states[trial.state],
        value=value,
        params=dict(trial.params),
        distributions={path: search.space[path].distribution() for path in trial.params},
        intermediate_values=dict(enumerate(trial.values, start=1)),
        system_attrs=dict(trial.attrs),
        user_attrs={"cvkit_trial": trial.number},
    )


def importance(search: SearchDefinition, goal: str, trials: Sequence[Trial]) -> dict[str, float]:
    """Return how much each place matters, as fractions that sum to 1, the largest first.

    Source: Watanabe et al. 2023, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces", as Optuna computes it. Empty with fewer than 4 complete trials, or if all values are equal.
    """
    import optuna

    complete = [trial for trial in trials if trial.state == "complete"]
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    study = study_of(search, goal, 1, complete)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def write_database(search: SearchDefinition, goal: str, path: Path, trials: Sequence[Trial]) -> None:
    """Add the ended trials that are missing in Optuna's database at `path`; raises errors of SQLAlchemy."""
    import optuna

    require_own_file(path, below=path.parent)  # SQLite would follow a link
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=search.settings.name,
            direction="minimize" if goal == "min" else "maximize",
            load_if_exists=True,
        )
        there = {trial.user_attrs.get("cvkit_trial") for trial in study.get_trials(deepcopy=False)}
        study.add_trials([frozen(search, trial) for trial in trials if trial.ended and trial.number not in there])
    finally:
        storage.engine.dispose()
