"""Rules about the data and about trust: duplicates, explanations, and what keeps others from repeating a run."""

from __future__ import annotations

from ..engine.intervals import Share
from ..explain.scores import Verdict
from ..figures.finding import Finding
from ..formatting import counted, legible, percent
from .evidence import Evidence

LEAKED = 0.01
"""From this share of images that also exist among the training images, the score itself is wrong by up to as much."""

_SCORED = 20  # the fewest images whose scores of explanations are looked at


def duplicates(of: Evidence) -> Finding | None:
    """Report images that also exist among the training images, or that none do."""
    half = of.predictions.half
    if of.audit is None or (half != "test" and half != "validation"):
        return None
    sizes = {facts.name: len(facts) for facts in of.audit.splits if facts.name != "training"} | {half: of.correct.of}
    leaked = {name: Share(number, sizes[name]) for name in sizes if (number := len(of.audit.leaked(name)))}
    if not leaked:
        if of.audit.skipped:
            return None  # the search ended at its limit, so there may be near duplicates
        return Finding(
            "no_duplicates",
            "good",
            f"The audit found none of the {sizes[half]:,} {of.images} among the training images, and no near "
            "duplicate.",
            where="Faults of the data",
        )
    each = (
        f"{share.hits:,} of {counted(share.of, f'{name} image')} ({percent(share.value, 1)})"
        for name, share in sorted(leaked.items(), key=lambda item: item[0] != half)
    )
    wrong = f"the {of.score} is probably too high" if half in leaked else "choices by these images are less certain"
    share = max(one.value for one in leaked.values())
    return Finding(
        "duplicates",
        "bad" if half in leaked and leaked[half].value >= LEAKED else "look",
        f"{' and '.join(each)} are also among the training images, or look almost the same as one of them, so "
        f"{wrong}.",
        "Look at the pairs. Delete one file of each pair of copies, or keep both in one split with the option group.",
        "across",
        share,
    )


def damaged(of: Evidence) -> Finding | None:
    """Report image files that could not be read and were left out."""
    if of.audit is None or not of.audit.damaged:
        return None
    names = of.audit.damaged
    verb, more = ("were", f" and {len(names) - 1:,} more") if len(names) > 1 else ("was", "")
    return Finding(
        "damaged",
        "look",
        f"{counted(len(names), 'damaged image')} {verb} left out: {legible(names[0])}{more}.",
        "Replace or delete the files, and look for the cause if there are many.",
        "Faults of the data",
        len(names) / (len(names) + sum(map(len, of.audit.splits))),
    )


def contradicting_duplicates(of: Evidence) -> Finding | None:
    """Report equal images with different labels."""
    if of.audit is None or not of.audit.conflicts:
        return None
    pairs = counted(len(of.audit.conflicts), "pair")
    return Finding(
        "contradicting_duplicates",
        "look",
        f"{pairs} of duplicates {'has' if len(of.audit.conflicts) == 1 else 'have'} different labels, so at least "
        "one label of each pair is wrong or ambiguous.",
        "Correct the labels, or delete the images.",
        "conflicts",
        len(of.audit.conflicts) / of.correct.of,
    )


def explanations(of: Evidence) -> Finding | None:
    """Report explainers that ignore the weights, or that are no better than a map without a model."""
    blind = [name for scored in of.scored for name, verdict in scored.verdicts.items() if verdict == Verdict.IGNORES]
    if blind:
        return Finding(
            "explanations",
            "bad",
            f"The maps of {', '.join(blind)} hardly change if the late weights of the model are random instead.",
            f"Do not explain predictions by these maps; {_another(of, blind)}.",
            "explanations_weights",
            0.2,
        )
    compared = [scored for scored in of.scored if scored.margin_over_baseline]
    names = list(dict.fromkeys(name for scored in compared for name in scored.margin_over_baseline))
    enough = [scored for scored in compared if next(iter(scored.estimates.values())).n >= _SCORED]
    lost = [name for name in names if enough and all(scored.beaten_by(name) for scored in enough)]
    if not lost:
        return None
    baselines = sorted({base for scored in enough for name in lost for base in scored.beaten_by(name)})
    return Finding(
        "explanations",
        "look",
        f"The maps of {', '.join(lost)} find the object not surely better than maps that do not use the model "
        f"({', '.join(baselines)}).",
        "Compare other explainers with cvkit explain --score before you rely on maps.",
        "explanations_place",
        0.1,
    )


def _another(of: Evidence, blind: list[str]) -> str:
    """Return what to do instead of using the explainers `blind`: the ones that passed, or one that was not tried."""
    verdicts = [each for scored in of.scored for each in scored.verdicts.items()]
    passed = [name for name, verdict in verdicts if verdict == Verdict.FOLLOWS and name not in blind]
    if passed:
        return f"those of {', '.join(dict.fromkeys(passed))} follow the weights"
    if any(name.endswith("grad_cam") for name, _ in verdicts):
        return "compare other explainers with cvkit explain --score"
    return "use another explainer, such as gradcam/grad_cam"


def reproducible(of: Evidence) -> Finding | None:
    """Report what keeps others from repeating the run, or that nothing is known to."""
    if of.irreproducible:
        more = len(of.irreproducible) - 1
        rest = f" The section lists {counted(more, 'more reason')}." if more else ""
        return Finding(
            "irreproducible",
            "look",
            f"Others may not be able to repeat this run: {of.irreproducible[0]}.{rest}",
            "Commit the code and run the recipe again if the result matters.",
            "Reproduce",
            0.05,
        )
    if not of.reproducibility_known:
        return None
    return Finding(
        "reproducible",
        "good",
        "The run can be repeated: code, libraries, data and seeds are recorded, and nothing changed while it ran.",
        where="Reproduce",
    )
