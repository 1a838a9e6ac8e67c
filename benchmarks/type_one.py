"""Simulate comparisons of models that are equal, and of models that are not, and count what `cvkit compare` finds.

    python benchmarks/type_one.py            # a few minutes on one core; no training
    python benchmarks/type_one.py --write    # also writes the tables to docs/results.md

An image is predicted correctly if its easiness, plus the quality of the run, plus noise of the run on this image is
positive; all three are normal. Two runs of one recipe have qualities from the same distribution, so recipes are equal
if these distributions are.
"""

from __future__ import annotations

import argparse
import platform
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from statistics import NormalDist

import torch
from section import write_section
from torch import Tensor

from cvkit.comparison.label_set_scores import difference, mean_average_precision
from cvkit.comparison.repeated import repeated_means
from cvkit.comparison.resampling import Resampled, draws, mean_difference, resample
from cvkit.comparison.several import holm
from cvkit.engine.paired import LEVEL, Disagreement
from cvkit.runs.predictions_table import PredictionsTable

PAIRS = 200
NOISE = 0.4
"""The spread of the noise; with an accuracy of 94 %, two equal runs then disagree on about 4.9 % of the images."""


@dataclass(frozen=True)
class Case:
    """What is simulated.

    Attributes:
        name: The row of the table.
        images: The number of test images.
        accuracy: The accuracy of the first recipe.
        gain: How much higher that of the second recipe is.
        runs: The number of runs of each recipe.
        spread: The standard deviation of the accuracy over seeds.
    """

    name: str
    images: int
    accuracy: float
    gain: float = 0.0
    runs: int = 1
    spread: float = 0.0

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield whether the runs of the first and of the second recipe predict each image correctly, (r, N)."""
        generator = torch.Generator().manual_seed(hash_of(self.name))
        scale = (1 + NOISE**2) ** 0.5
        levels = [scale * NormalDist().inv_cdf(self.accuracy + gain) for gain in (0.0, self.gain)]
        slope = NormalDist().pdf(levels[0] / scale) / scale  # of the accuracy over the quality
        for _ in range(PAIRS):
            easiness = torch.randn(self.images, generator=generator)
            yield tuple(  # type: ignore[misc]  # two recipes
                (
                    easiness
                    + level
                    + self.spread / slope * torch.randn(self.runs, 1, generator=generator)
                    + NOISE * torch.randn(self.runs, self.images, generator=generator)
                    > 0
                ).double()
                for level in levels
            )


def hash_of(text: str) -> int:
    """Return a number for a text, the same in every process."""
    return zlib.crc32(text.encode())


SINGLE = (
    Case("10,000 images, equal", 10_000, 0.94),
    Case("1,000 images, equal", 1_000, 0.85),
    Case("100 images, equal", 100, 0.85),
    Case("10,000 images, 0.3 points better", 10_000, 0.94, 0.003),
    Case("10,000 images, 0.6 points better", 10_000, 0.94, 0.006),
    Case("1,000 images, 3 points better", 1_000, 0.85, 0.03),
)
REPEATED = (
    Case("2 runs each, equal", 2_000, 0.9, runs=2, spread=0.004),
    Case("3 runs each, equal", 2_000, 0.9, runs=3, spread=0.004),
    Case("3 runs each, equal, seeds do not matter", 2_000, 0.9, runs=3),
    Case("5 runs each, equal", 2_000, 0.9, runs=5, spread=0.004),
    Case("3 runs each, equal, seeds matter more (1.5 points)", 2_000, 0.9, runs=3, spread=0.015),
    Case("3 runs each, 1 point better", 2_000, 0.9, 0.01, 3, 0.004),
    Case("3 runs each, 2 points better", 2_000, 0.9, 0.02, 3, 0.004),
    Case("5 runs each, 1 point better", 2_000, 0.9, 0.01, 5, 0.004),
)
MARGIN = 0.005
EQUIVALENT = (
    Case("equal, 10,000 images", 10_000, 0.94),
    Case("equal, 50,000 images", 50_000, 0.94),
    Case("0.5 points better, 10,000 images", 10_000, 0.94, MARGIN),
    Case("0.5 points better, 50,000 images", 50_000, 0.94, MARGIN),
)


def main() -> None:
    """Simulate every case and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables to docs/results.md")
    arguments = parser.parse_args()
    section = "\n\n".join(tables())
    print(section)
    if arguments.write:
        how = f"`python benchmarks/type_one.py --write`, {date.today()}, {platform.machine()}"
        write_section("type_one", f"{how}, torch {torch.__version__}.\n\n{section}")


def tables() -> Iterator[str]:
    """Yield the tables as Markdown."""
    yield (
        f"How many of {PAIRS} simulated comparisons find a difference at 5 %. If the recipes are equal, this should "
        f"be about {PAIRS * LEVEL:.0f}; 95 % of such counts are between 4 and 16. Disagreement: the mean share of "
        "images that only one of two runs predicts correctly."
    )
    yield "One run of each recipe:"
    yield table(
        ("", "disagreement", "McNemar, exact (cvkit)", "paired bootstrap", "two independent samples"),
        ((case.name, *found(case, (mcnemar, bootstrap, unpaired))) for case in SINGLE),
    )
    yield "Several runs of each recipe, whose accuracy varies with the seed by 0.4 points (standard deviation):"
    yield table(
        ("", "disagreement", "t over runs and images (cvkit)", "bootstrap over runs and images", "over images only"),
        ((case.name, *found(case, (components, two_levels, bootstrap))) for case in REPEATED),
    )
    margin = f"{100 * MARGIN:g} points"
    yield f"Equivalence within {margin}, one run of each recipe; a difference of {margin} is not equivalent:"
    yield table(
        ("", "disagreement", "found equivalent"), ((case.name, *found(case, (equivalent,))) for case in EQUIVALENT)
    )
    yield "Four recipes compared with a fifth one, all equal, 1,000 images; how often any of the four differs:"
    yield table(("with Holm's correction", "without"), [several()])
    yield "Sets of five labels, 400 images, mean average precision by the paired bootstrap:"
    yield table(("", "found"), [("equal", label_sets(1.0)), ("the second less noisy", label_sets(0.8))])


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown."""
    cells = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in cells)


def found(case: Case, tests: Sequence[Callable[[Tensor, Tensor], float]]) -> list[str]:
    """Return the mean disagreement, and for each test how many pairs it finds at 5 %."""
    counts, apart = [0] * len(tests), 0.0
    for first, second in case.pairs():
        apart += float((first[0] != second[0]).double().mean()) / PAIRS
        for number, test in enumerate(tests):
            counts[number] += test(first, second) < LEVEL
    return [f"{100 * apart:.1f} %", *map(str, counts)]


def disagreement(first: Tensor, second: Tensor) -> Disagreement:
    """Return the disagreement of the first runs."""
    return Disagreement(int((second[0] > first[0]).sum()), int((first[0] > second[0]).sum()), first.shape[1])


def mcnemar(first: Tensor, second: Tensor) -> float:
    """Return the p-value of McNemar's exact test."""
    return disagreement(first, second).p_value


def equivalent(first: Tensor, second: Tensor) -> float:
    """Return the p-value of equivalence within `MARGIN`."""
    return disagreement(first, second).equivalence_p_value(MARGIN)


def bootstrap(first: Tensor, second: Tensor) -> float:
    """Return the p-value of the paired bootstrap over images."""
    return Resampled(mean_difference(first.mean(dim=0), second.mean(dim=0))(drawn(first.shape[1]))).p_value


@lru_cache(maxsize=1)
def drawn(images: int) -> Tensor:
    """Return all draws of a number of images, which are the same for each pair."""
    return torch.cat([*draws(images)])


def unpaired(first: Tensor, second: Tensor) -> float:
    """Return the p-value of two proportions as if each model had images of its own."""
    shares = (float(first.mean()), float(second.mean()))
    error = sum(share * (1 - share) / first.shape[1] for share in shares) ** 0.5
    return 2 * NormalDist().cdf(-abs(shares[1] - shares[0]) / error)


def components(first: Tensor, second: Tensor) -> float:
    """Return the p-value of Student's t with the variance over runs and images."""
    return repeated_means(first, second).p_value


def two_levels(first: Tensor, second: Tensor) -> float:
    """Return the p-value of a bootstrap that draws runs, the outer level, and images."""
    generator = torch.Generator().manual_seed(0)
    of_runs = [drawn(first.shape[1]) @ values.T / first.shape[1] for values in (first, second)]
    rows = [torch.randint(each.shape[1], each.shape, generator=generator) for each in of_runs]
    one, other = (each.gather(1, of) for each, of in zip(of_runs, rows, strict=True))
    return Resampled(other.mean(dim=1) - one.mean(dim=1)).p_value


def several() -> tuple[int, int]:
    """Return how many of the simulated families of four comparisons contain a difference, with and without Holm."""
    case = Case("family", 1_000, 0.85, runs=5)
    corrected = plain = 0
    for runs, _ in case.pairs():
        p_values = [mcnemar(runs[:1], runs[number : number + 1]) for number in range(1, 5)]
        corrected += min(holm(p_values)) < LEVEL
        plain += min(p_values) < LEVEL
    return corrected, plain


def label_sets(noise: float) -> int:
    """Return how many pairs differ, if the probabilities of the second model have `noise` times the first's noise."""
    generator, names, count = torch.Generator().manual_seed(7), tuple("abcde"), 0
    for _ in range(PAIRS):
        given = torch.rand(5, 400, generator=generator) < 0.3
        shared = given + 0.8 * torch.randn(5, 400, generator=generator)
        true = tuple("|".join(n for n, flag in zip(names, row, strict=True) if flag) for row in given.T.tolist())
        nothing = torch.zeros(400)
        tables = []
        for factor in (1.0, noise):
            chances = torch.sigmoid(shared + 0.5 * factor * torch.randn(5, 400, generator=generator)).double()
            tables.append(PredictionsTable(true, true, nothing.bool(), nothing, None, names, chances, None, None))
        one, other = (mean_average_precision([each]) for each in tables)
        count += resample(400, difference(one, other)).p_value < LEVEL
    return count


if __name__ == "__main__":
    main()
