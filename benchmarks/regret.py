"""Measure the regret of learning-rate rules: the accuracy that they lose against the best rate of a grid.

    python benchmarks/regret.py grid      train every case at every rate of its grid; one hour on one core
    python benchmarks/regret.py sweep     run the range test of every case with several data orders; some minutes
    python benchmarks/regret.py race      run the tuner successive_halving in every case with its default budget, and
                                          with one of all the run's steps; some minutes
    python benchmarks/regret.py table     print the tables; with --write, write them to docs/results.md

Every result is saved to a JSON file, by default results/regret.json beside this script, so an interrupted command
continues where it stopped. Delete the file to measure everything again. A case is a network and an
optimizer (regret_cases.py). It is trained for three epochs on 5,000 images of CIFAR-10 with the one-cycle schedule
and tested on 2,000 other images. Four fresh cases were not looked at while the tuner was made; two of them have other
data. A training that diverges counts as chance. A rule proposes the median of the rates that it reads from the sweeps
of all data orders.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from regret_cases import CASES, FRESH, Case, rates_of
from regret_table import Curve, Outcome, Outcomes, Rates, by_case, by_rule
from section import write_section

from cvkit import DivergedError, EpochRecord, Trainer
from cvkit_onecycle.finding import findings, rejection_reason
from cvkit_onecycle.halving import successive_halving
from cvkit_onecycle.sweep import Sweep, run_sweep

RESULTS = Path(__file__).with_name("results") / "regret.json"
CHANCE = {"accuracy": 0.1, "loss": math.log(10)}
BUDGETS = (0.15, 1.0)  # of a race, as fractions of the run's steps
STEPS, LOW, HIGH = 120, 1e-5, 10.0  # of a sweep; the range is wide enough for all rules and both optimizers


class Cache:
    """Results by kind and key in a JSON file, which is replaced after each result."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, kind: str) -> dict[str, Any]:
        return self.results.setdefault(kind, {})

    def keep(self, kind: str, key: str, result: Any) -> None:
        """Add a result and replace the file atomically."""
        self[kind][key] = result
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.results, indent=0))
        os.replace(new, self.path)


def main() -> None:
    """Run the chosen phase."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=["grid", "sweep", "race", "table"])
    parser.add_argument("--cache", type=Path, default=RESULTS, help="file for the results")
    parser.add_argument("--data", type=Path, default=Path.home() / ".cache" / "cvkit", help="folder with CIFAR-10")
    parser.add_argument("--seeds", type=int, default=2, help="number of seeds")
    parser.add_argument("--orders", type=int, default=3, help="number of data orders of a range test")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/results.md")
    arguments = parser.parse_args()
    cache = Cache(arguments.cache)
    if arguments.phase == "grid":
        fill(cache, "grid", grid_work(arguments.seeds, arguments.data))
    elif arguments.phase == "sweep":
        fill(cache, "sweep", sweep_work(arguments.seeds, arguments.orders, arguments.data))
    elif arguments.phase == "race":
        fill(cache, "race", race_work(arguments.seeds, arguments.data))
    else:
        report(cache, arguments.seeds, arguments.orders, arguments.write)


Work = Iterator[tuple[str, Callable[[], dict[str, Any]]]]
"""Keys of results, each with the function that computes the result."""


def fill(cache: Cache, kind: str, work: Work) -> None:
    """Compute the results that are not in the cache yet."""
    for key, make in work:
        if key in cache[kind]:
            continue
        start = time.perf_counter()
        result = make() | {"seconds": round(time.perf_counter() - start, 1)}
        cache.keep(kind, key, result)
        print(key, {name: value for name, value in result.items() if name != "losses"}, flush=True)


def grid_work(seeds: int, data: Path) -> Work:
    """Yield every training: the coarse grid of all cases for one seed after the other, then the fine grid."""
    for stage in ("coarse", "fine"):
        for seed in range(seeds):
            for case in (*CASES, *FRESH):
                for rate in rates_of(getattr(case.setup, stage)):
                    yield f"{case} | {seed} | {rate:g}", partial(trained, case, seed, rate, data)


def sweep_work(seeds: int, orders: int, data: Path) -> Work:
    """Yield every sweep, one seed after the other."""
    for seed in range(seeds):
        for case in (*CASES, *FRESH):
            for order in range(orders):
                yield f"{case} | {seed} | {order}", partial(swept, case, seed, order, data)


def race_work(seeds: int, data: Path) -> Work:
    """Yield every race, one seed and one budget after the other."""
    for seed in range(seeds):
        for budget in BUDGETS:
            for case in (*CASES, *FRESH):
                yield f"{case} | {seed} | {budget:g}", partial(raced, case, seed, budget, data)


def raced(case: Case, seed: int, budget: float, data: Path) -> dict[str, Any]:
    """Run the tuner, and return its proposal and its cost in steps."""
    run = case.run(seed, case.setup.usual, data)
    proposal = successive_halving(run, "scheduler.max_lr", budget=budget)
    return {"rate": proposal.value, "steps": proposal.data["steps"], "reason": proposal.reason}


def trained(case: Case, seed: int, rate: float, data: Path) -> dict[str, Any]:
    """Train to the end, and return the test accuracy and loss of the last epoch."""
    last: EpochRecord | None = None
    try:
        for event in Trainer(case.run(seed, rate, data)).fit():
            if isinstance(event, EpochRecord):
                last = event
    except DivergedError:
        return CHANCE | {"diverged": True}
    assert last is not None
    return {"accuracy": last.test_accuracy, "loss": last.test_loss, "diverged": False}


def swept(case: Case, seed: int, order: int, data: Path) -> dict[str, Any]:
    """Run a sweep and return the raw losses."""
    sweep = run_sweep(case.run(seed, LOW, data), np.geomspace(LOW, HIGH, STEPS), order)
    return {"losses": sweep.losses.tolist(), "stopped": sweep.stopped}


def report(cache: Cache, seeds: int, orders: int, write: bool) -> None:
    """Print the tables of the cases with complete coarse grid and sweeps, or write them to docs/results.md."""
    outcomes, fresh = (outcomes_of(cache, seeds, orders, cases) for cases in (CASES, FRESH))
    if not outcomes:
        raise SystemExit(
            f"{cache.path} contains no case with a complete coarse grid and complete sweeps for {seeds} seed(s); run "
            "the phases grid and sweep first"
        )
    trained = "of one seed" if seeds == 1 else f"as the mean of {seeds} seeds"
    markdown = (
        f"{len(outcomes['cvkit'])} cases, accuracies {trained}, {orders} orders of the data per range test. Regrets "
        f"are in percentage points.\n\n{by_rule(outcomes)}\n\nThe tables show the rate that each rule proposes and, "
        "in parentheses, its regret. * marks a rate outside the grid, which counts as the nearest rate of the grid."
        f"\n\n{by_case(outcomes)}"
    )
    if fresh:
        markdown += (
            f"\n\nFresh cases, which were not looked at while the tuner successive_halving was made:\n\n"
            f"{by_rule(fresh)}\n\n{by_case(fresh)}"
        )
    if write:
        write_section("regret", markdown)
    else:
        print(markdown)


def outcomes_of(cache: Cache, seeds: int, orders: int, cases: Sequence[Case]) -> Outcomes:
    """Return the proposals of every rule, race and baseline for each of the `cases` that is complete.

    As soon as the tuner was run in one of the cases, the others are left out until it was run there too.
    """
    curves = {case: curve for case in (*CASES, *FRESH) if (curve := curve_of(cache, case, seeds))}
    swept = {case: told for case in curves if case in cases and (told := told_in(cache, case, seeds, orders))}
    races = {case: told for case in swept if (told := races_in(cache, case, seeds))}
    outcomes: dict[str, dict[str, Outcome]] = {}
    for case in races or swept:
        proposed = {name: (rates, float(STEPS * orders)) for name, rates in swept[case].items()}
        proposed |= races.get(case, {})
        proposed |= {name: (rates, 0.0) for name, rates in baselines(case, curves, seeds).items()}
        for name, (rates, steps) in proposed.items():
            outcomes.setdefault(name, {})[str(case)] = Outcome(curves[case], rates, steps)
    return outcomes


def races_in(cache: Cache, case: Case, seeds: int) -> dict[str, tuple[Rates, float]]:
    """Return the rates and the mean cost in steps of the tuner for each budget; empty if a race is missing."""
    found: dict[str, tuple[Rates, float]] = {}
    for budget in BUDGETS:
        keys = [f"{case} | {seed} | {budget:g}" for seed in range(seeds)]
        if not all(key in cache["race"] for key in keys):
            return {}
        results = [cache["race"][key] for key in keys]
        steps = statistics.mean(result["steps"] for result in results)
        found[f"successive_halving, {budget:.0%}"] = [result["rate"] for result in results], steps
    return found


def curve_of(cache: Cache, case: Case, seeds: int) -> Curve | None:
    """Return the mean accuracies at the rates trained with every seed; None if the coarse grid is incomplete."""
    accuracies = {}
    for rate in rates_of((*case.setup.coarse, *case.setup.fine)):
        keys = [f"{case} | {seed} | {rate:g}" for seed in range(seeds)]
        if all(key in cache["grid"] for key in keys):
            accuracies[rate] = statistics.mean(cache["grid"][key]["accuracy"] for key in keys)
    if not set(rates_of(case.setup.coarse)) <= accuracies.keys():
        return None
    ascending = sorted(accuracies)
    return Curve(ascending, [accuracies[rate] for rate in ascending])


def told_in(cache: Cache, case: Case, seeds: int, orders: int) -> dict[str, Rates]:
    """Return the rate of each rule for each seed, the median over the orders; empty if a sweep is missing.

    If cvkit's range test does not propose a rate, its rule has none. The other rules always propose a rate.
    """
    rates = np.geomspace(LOW, HIGH, STEPS)
    told: dict[str, list[float | None]] = {}
    for seed in range(seeds):
        keys = [f"{case} | {seed} | {order}" for order in range(orders)]
        if not all(key in cache["sweep"] for key in keys):
            return {}
        results = [cache["sweep"][key] for key in keys]
        sweeps = [Sweep(rates, np.array(result["losses"]), result["stopped"]) for result in results]
        for name, finding in findings(sweeps).items():
            refused = name == "cvkit" and rejection_reason(sweeps, finding)
            told.setdefault(name, []).append(None if refused else finding.rate)
    return dict(told)


def baselines(case: Case, curves: dict[Case, Curve], seeds: int) -> dict[str, Rates]:
    """Return the rates that need no range test: the usual one, the middle of the grid, and the others' best.

    The others' best is the median of the best rates of the other networks with the same optimizer.
    """
    grid = rates_of(case.setup.coarse)
    others = [curve.best for other, curve in curves.items() if other != case and other.optimizer == case.optimizer]
    rates = {"usual": case.setup.usual, "middle": grid[len(grid) // 2]}
    if others:
        rates["others' best"] = float(10 ** np.median(np.log10(others)))
    return {name: [rate] * seeds for name, rate in rates.items()}


if __name__ == "__main__":
    main()
