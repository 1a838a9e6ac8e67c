"""The sentences and tables that describe a search, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from ..formatting import counted, duration, in_words, percent
from .definition import SearchDefinition
from .trials import Trial, best_of, saved_epochs


def outcome_line(trial: Trial, metric: str) -> str:
    """Return what became of a trial."""
    name = f"validation {in_words(metric)}"
    if trial.state == "pruned":
        return f"trial {trial.number}: pruned after {counted(trial.epochs, 'epoch')}, {name} {trial.values[-1]:.4f}"
    if trial.value is None:
        return f"trial {trial.number}: failed"
    return f"trial {trial.number}: {name} {trial.value:.4f} ({duration(trial.seconds)})"


def plan_line(search: SearchDefinition, steps: int, done: Sequence[Trial]) -> str:
    """Return what the search will cost at most, before it starts; `steps` is the number of steps of the recipe."""
    settings, epochs = search.settings, counted(search.most_epochs, "epoch")
    each = f"up to {epochs} ({counted(steps, 'step')} with the values of the recipe)"
    limits = []
    if settings.max_trials is not None:
        left = max(0, settings.max_trials - sum(trial.ended for trial in done))
        limits.append(f"{counted(left, 'trial')} of {each}")
    else:
        limits.append(f"trials of {each}")
    if settings.max_minutes is not None:
        used = sum(trial.seconds for trial in done)
        limits.append(f"at most {duration(max(0.0, 60 * settings.max_minutes - used))} of training")
    return f"to train: {', '.join(limits)}"


def estimate_line(search: SearchDefinition, trials: Sequence[Trial]) -> str:
    """Return how long the rest will take by the trials so far; empty if nothing is known or nothing is left."""
    full, limit = [trial.seconds for trial in trials if trial.state == "complete"], search.settings.max_trials
    left = 0 if limit is None else limit - sum(trial.ended for trial in trials)
    if not full or left <= 0:
        return ""
    each = fmean(full)
    return (
        f"a complete trial takes {duration(each)}, so the other {counted(left, 'trial')} will take at most about "
        f"{duration(each * left)} in one process"
    )


def header(search: SearchDefinition, metric: str) -> tuple[str, ...]:
    """Return the heads of the columns of `rows`."""
    return ("trial", f"validation {in_words(metric)}", "state", "epochs", "time", *search.space)


def rows(search: SearchDefinition, trials: Sequence[Trial], goal: str) -> list[tuple[str, ...]]:
    """Return a row for each ended trial, the best first, then the pruned and the failed ones."""
    sign = 1 if goal == "min" else -1
    order = {"complete": 0, "pruned": 1, "failed": 2}

    def place(trial: Trial) -> tuple[float, ...]:
        shown = _shown_value(trial)
        return (order[trial.state], 0.0 if shown is None else sign * shown, trial.number)

    ended = sorted((trial for trial in trials if trial.ended), key=place)
    return [
        (
            str(trial.number),
            "-" if (value := _shown_value(trial)) is None else f"{value:.4f}",
            trial.state,
            f"{trial.epochs:,}",
            duration(trial.seconds),
            *(space.shown(trial.params[path]) for path, space in search.space.items()),
        )
        for trial in ended
    ]


def _shown_value(trial: Trial) -> float | None:
    return trial.values[-1] if trial.state == "pruned" and trial.values else trial.value


def states_text(trials: Sequence[Trial]) -> str:
    """Return how many trials there are in each state."""
    states = [trial.state for trial in trials]
    words = {"complete": "complete", "pruned": "pruned", "failed": "failed", "running": "not finished"}
    return ", ".join(f"{states.count(state):,} {word}" for state, word in words.items() if state in states)


def counts_line(trials: Sequence[Trial]) -> str:
    """Return how many trials there are in each state, and the share of the epochs that pruning saved."""
    saved, epochs = saved_epochs(trials)
    pruning = f"; pruning saved {saved:,} of {counted(epochs, 'epoch')} ({percent(saved / epochs)})" if saved else ""
    return f"{counted(len(trials), 'trial')}: {states_text(trials)}{pruning}"


def failure_lines(trials: Sequence[Trial]) -> list[str]:
    """Return a line for each reason why trials failed."""
    reasons: dict[str, list[str]] = {}
    for trial in trials:
        if trial.error:
            reasons.setdefault(trial.error.splitlines()[0], []).append(str(trial.number))
    return [
        f"{'trial' if len(numbers) == 1 else 'trials'} {', '.join(numbers)} failed: {reason}"
        for reason, numbers in reasons.items()
    ]


def best_lines(search: SearchDefinition, trials: Sequence[Trial], metric: str, goal: str) -> list[str]:
    """Return the best trial and its values, or that there is none."""
    best = best_of(trials, goal)
    if best is None:
        return ["no trial is complete, so there is no best recipe"]
    word = "lowest" if goal == "min" else "highest"
    values = search.shown(best.params)
    return [f"{word} validation {in_words(metric)}: {best.value:.4f}, trial {best.number}, with {values}"]
