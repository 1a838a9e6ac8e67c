"""The tables of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from ..figures.artifacts import Table
from ..figures.csv_export import csv_text
from ..formatting import counted, duration, in_words, legible, percent, score_percent
from .changed_images import ChangedImage
from .comparison import Comparison
from .groups import Group
from .measures import BOOTSTRAP, COMPONENTS, EXACT, main_score
from .pair import Pair
from .sentences import difference_text, interval_text, p_text, score_text

_METHODS = {
    EXACT: "McNemar's exact test, and the interval of Fay and Lumbard (2021) that agrees with it",
    BOOTSTRAP: "paired percentile bootstrap over images, 2,000 draws",
    COMPONENTS: "Student's t with the variance over runs and over images (Welch, Satterthwaite)",
}
_NONE = "\N{EN DASH}"


def measure_header(pair: Pair) -> tuple[str, ...]:
    """Return the header of `measure_rows`."""
    return ("score", pair.first.letter, pair.second.letter, "difference", "95 % interval", "p")


def measure_rows(pair: Pair) -> tuple[tuple[str, ...], ...]:
    """Return the scores of both groups and their difference, one row for each measure."""
    return tuple(
        (
            in_words(measure.name),
            score_text(measure, measure.first),
            score_text(measure, measure.second),
            difference_text(measure),
            interval_text(measure, measure.interval),
            p_text(measure.p_value),
        )
        for measure in pair.measures
    )


def measure_table(pair: Pair, comparison: Comparison) -> Table:
    """Return the measures with the tests that they are from."""
    methods = dict.fromkeys(measure.method for measure in pair.measures)
    of = {method: ", ".join(in_words(m.name) for m in pair.measures if m.method == method) for method in methods}
    caption = "; ".join(f"{names}: {_METHODS[method]}" for method, names in of.items())
    main = pair.main
    if main.bootstrap is not None and main.method == EXACT:
        ends = interval_text(main, main.bootstrap)
        caption += f". Paired bootstrap interval of the {in_words(main.name)}: {ends}"
    if main.equivalence_p_value is not None:
        caption += (
            f". Equivalence within {100 * comparison.margin:g} points: two one-sided tests, p = "
            f"{p_text(main.equivalence_p_value)}, 90 % interval {interval_text(main, main.narrow)}"
        )
    if len(comparison.pairs) > 1:
        number = counted(len(comparison.pairs), "comparison")
        caption += f". p-values are corrected for {number} by Holm's method; intervals are not corrected"
    title = f"{pair.second.letter} compared with {pair.first.letter}"
    name = f"scores_{pair.second.letter.replace(' ', '_')}"
    return Table(name, title, f"{caption[:1].upper()}{caption[1:]}.", measure_header(pair), measure_rows(pair))


def changed_rows(pair: Pair) -> tuple[tuple[str, ...], ...]:
    """Return what differs between the groups: area, path, and the values of both."""
    return tuple((each.area, each.what, each.first, each.second) for each in pair.changed)


def changed_table(pair: Pair) -> Table:
    """Return what differs between the first runs of both groups."""
    many = len(pair.first.runs) + len(pair.second.runs) > 2
    caption = "Compared are the first runs of both recipes. " if many else ""
    caption += (
        "What differs in the resolved recipes, without their names, in the code, the data and the environment."
        if pair.changed
        else "Recipe, code, data and environment are the same."
    )
    header = ("where", "what", pair.first.letter, pair.second.letter)
    rows = tuple(tuple(legible(cell, 160) for cell in row) for row in changed_rows(pair))
    return Table(f"changed_{pair.second.letter.replace(' ', '_')}", "What changed", caption, header, rows)


def class_table(pair: Pair) -> Table:
    """Return the scores of each class."""
    labels = pair.classes[0].fixed is None
    score = "average precision" if labels else "accuracy"
    header = (
        *("label" if labels else "class", "images", f"{score} {pair.first.letter}", f"{score} {pair.second.letter}"),
        *("difference in points", *(() if labels else ("fixed", "broken"))),
    )
    rows = tuple(
        (
            legible(each.name),
            f"{each.images:,}",
            percent(each.first, 1),
            percent(each.second, 1),
            f"{100 * each.difference:+.1f}",
            *(() if labels else (f"{each.fixed:,}", f"{each.broken:,}")),
        )
        for each in pair.classes
    )
    caption = (
        f"The largest loss comes first. Of {counted(len(rows), 'label' if labels else 'class')}, some differ by "
        "chance: the result above is about all images together."
    )
    name = f"classes_{pair.second.letter.replace(' ', '_')}"
    return Table(name, "Labels" if labels else "Classes", caption, header, rows)


def cost_rows(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """Return the cost of each group: mean training time, epochs, speed and numbers in the model."""
    return tuple((group.letter, group.name, *_cost(group)) for group in comparison.groups)


COST = ("", "run", "training time", "epochs", "images/s", "numbers in the model", "device")


def _cost(group: Group) -> Iterator[str]:
    costs = [run.cost for run in group.runs]
    yield duration(sum(cost.seconds for cost in costs) / len(costs)) if all(cost.epochs for cost in costs) else _NONE
    yield _same(f"{cost.epochs:,}" for cost in costs)
    yield f"{sum(cost.speed for cost in costs) / len(costs):,.0f}" if all(cost.epochs for cost in costs) else _NONE
    yield _same(_NONE if cost.weights is None else f"{cost.weights:,}" for cost in costs)
    yield _same(legible(str(run.info.get("environment", {}).get("device", _NONE))) for run in group.runs)


def _same(texts: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def cost_table(comparison: Comparison) -> Table:
    """Return the cost of each group."""
    caption = (
        "Training time without evaluations, and training images per second; of several runs the mean. Times depend "
        "on the machine and on what else it did. Numbers in the model: weights and buffers, such as running means."
    )
    return Table("cost", "Cost", caption, COST, cost_rows(comparison))


def run_table(comparison: Comparison) -> Table:
    """Return the folders of the runs."""
    rows = tuple(
        (
            group.letter,
            legible(str(run.path), 120),
            f"{run.seed}",
            score_percent(main_score(run.table)),
            str(run.info.get("started", "")) or _NONE,
        )
        for group in comparison.groups
        for run in group.runs
    )
    score = in_words(comparison.pairs[0].main.name)
    caption = "The folders that were compared. Differences are those of the other runs minus A."
    return Table("runs", "Runs", caption, ("", "folder", "seed", score, "started"), rows)


def changed_csv(comparison: Comparison) -> bytes:
    """Return every fixed and broken image as CSV."""
    header = (
        *("compared", "change", "image", "true", "predicted_first", "predicted_second"),
        *("correct_first", "correct_second", "probability_first", "probability_second"),
    )
    rows = [
        (f"{pair.second.letter} with {pair.first.letter}", change, *_image(each))
        for pair in comparison.pairs
        for change, images in (("fixed", pair.images.fixed), ("broken", pair.images.broken))
        for each in images
    ]
    return csv_text(header, rows).encode(errors="replace")


def _image(each: ChangedImage) -> tuple[object, ...]:
    shares = (f"{share:.3f}" for share in (*each.correct, *each.true_probability))
    return (each.name, each.true, each.first, each.second, *shares)
