"""What Optuna proposes and prunes depends only on the trials before, and not on who asks when."""

from __future__ import annotations

from statistics import median

import pytest
from searching import SEARCH, written

from cvkit import discover
from cvkit.searches.advisor import Advisor, importance, write_database
from cvkit.searches.lines import counts_line
from cvkit.searches.reading import SearchFile, source_of
from cvkit.searches.trials import Trial, best_of, saved_epochs

EPOCHS = 9


@pytest.fixture(scope="module")
def search_with(tmp_path_factory):
    catalog = discover()
    folder = tmp_path_factory.mktemp("advised")
    return lambda more="": SearchFile(source_of(written(folder, SEARCH + more))).resolve(catalog)


def grown(search, count: int) -> list[Trial]:
    """Return trials whose loss is lowest near a rate of 0.1, each pruned when its advisor says so."""
    trials: list[Trial] = []
    for number in range(count):
        advisor = Advisor(search, "min", EPOCHS, trials)
        loss = abs(float(advisor.params["optimizer.lr"]) - 0.1)
        pruned = any(advisor.prunes(loss + 1 / epoch) for epoch in range(1, EPOCHS + 1))
        trials.append(
            Trial(
                number,
                advisor.params,
                "pruned" if pruned else "complete",
                None if pruned else advisor.values[-1],
                advisor.values,
                len(advisor.values),
                EPOCHS,
                attrs=advisor.attrs(),
            )
        )
    return trials


@pytest.mark.parametrize("more", ["", "pruner: hyperband\n", "pruner: none\n", "sampler: random\n"])
def test_advice_repeats(search_with, more):
    """Two searches with the same seed propose and prune the same; another seed proposes other values."""
    one, two, other = (grown(search_with(text), 14) for text in (more, more, f"{more}seed: 1\n"))
    assert one == two
    assert [trial.params for trial in one] != [trial.params for trial in other]


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_resumed_trial_gets_the_same_answers(search_with, pruner):
    """Whoever continues a trial replays its values, and ends it after the same epoch."""
    search = search_with(f"pruner: {pruner}\n")
    trials = grown(search, 14)
    assert any(trial.state == "pruned" for trial in trials)
    for trial in trials:
        again = Advisor(search, "min", EPOCHS, trials[: trial.number], trial)
        assert again.params == trial.params
        answers = [again.prunes(value) for value in trial.values]
        assert answers == [False] * (trial.epochs - 1) + [trial.state == "pruned"]
        assert again.attrs() == trial.attrs


def test_pruning_saves_epochs(search_with):
    """Without a pruner each trial takes all epochs; with one, bad trials end early and the best is as good."""
    pruned, full = grown(search_with(), 20), grown(search_with("pruner: none\n"), 20)
    assert sum(trial.epochs for trial in full) == 20 * EPOCHS
    assert sum(trial.epochs for trial in pruned) < 0.8 * 20 * EPOCHS
    taken = sum(trial.epochs for trial in pruned)
    assert saved_epochs(pruned) == (20 * EPOCHS - taken, 20 * EPOCHS)
    assert f"pruning saved {20 * EPOCHS - taken} of {20 * EPOCHS} epochs" in counts_line(pruned)
    assert "pruning" not in counts_line(full)
    assert abs(best_of(pruned, "min").value - best_of(full, "min").value) < 0.1


def test_tpe_finds_better_values_than_random_draws(search_with):
    """Otherwise the trials before would not be used."""
    tpe, random = (grown(search_with(f"pruner: none\nsampler: {name}\n"), 40) for name in ("tpe", "random"))
    late = [median(trial.value for trial in trials[20:]) for trials in (tpe, random)]
    assert late[0] < late[1]


def test_importance_is_highest_where_the_value_decides(search_with):
    """The loss depends on the rate alone; with few trials nothing is claimed."""
    search = search_with("pruner: none\nsampler: random\n")
    trials = grown(search, 40)
    shares = importance(search, "min", trials)
    assert next(iter(shares)) == "optimizer.lr"
    assert sum(shares.values()) == pytest.approx(1)
    assert importance(search, "min", trials[:3]) == {}


def test_best_is_the_first_of_equal_trials_in_the_direction_of_the_goal():
    """Pruned and failed trials are never the best."""
    params = {"a": 1}
    trials = [Trial(0, params, "complete", 0.5), Trial(1, params, "complete", 0.9), Trial(2, params, "complete", 0.9)]
    trials.append(Trial(3, params, "pruned", None, [2.0]))
    assert (best_of(trials, "max").number, best_of(trials, "min").number) == (1, 0)
    assert best_of(trials[3:], "max") is None


def test_database_has_each_ended_trial_once(search_with, tmp_path):
    """Also after it is written again with more trials; Optuna reads the values back."""
    import optuna

    search = search_with()
    trials = grown(search, 8)
    for some in (trials[:3], [*trials, Trial(8, trials[0].params)]):
        write_database(search, "min", tmp_path / "optuna.db", some)
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    assert [trial.params for trial in study.trials] == [dict(trial.params) for trial in trials]
    assert study.best_value == best_of(trials, "min").value
