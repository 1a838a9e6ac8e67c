"""The scores of a model's explanations: estimates, verdicts, tables and JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ...figures.artifacts import Table
from ...formatting import percent
from .baselines import BASELINES
from .bootstrap import Estimate, bootstrap
from .measures import RANDOMISATION, Measure
from .verdict import Verdict, bounds, ignores_weights

ACCURATE = 0.95
"""The minimum accuracy for a reliable judgement: if the model is wrong, a faithful map may miss the object too."""

_TITLES = {
    "place": ("explanations_place", "Whether maps lie on the object"),
    "model": ("explanations_model", "Whether maps show what the model uses"),
    "weights": ("explanations_weights", "Whether maps follow the weights"),
    "mirror": ("explanations_mirror", "Whether maps follow a mirrored image"),
}


@dataclass(frozen=True)
class Scored:
    """The estimates of one measure by map, with the baselines last.

    Attributes:
        measure: The measure.
        estimates: The estimate of each explainer and baseline.
        margin_over_baseline: By explainer and baseline, the advantage of the explainer over the baseline on the same
            images, negative if it is worse. Empty if `Measure.baselines_should_lose` is false.
    """

    measure: Measure
    estimates: dict[str, Estimate]
    margin_over_baseline: dict[str, dict[str, Estimate]]

    @classmethod
    def of(cls, measure: Measure, values: Mapping[str, Tensor]) -> Scored:
        """Return the estimates of `values`: for each map, one value per image (n,), with n at least 1.

        The values are (n, d) if each image was measured under d random draws.
        """
        ordered = sorted(values, key=lambda name: name in BASELINES)
        estimates = _estimated({name: values[name].double() for name in ordered})
        baselines = [name for name in ordered if name in BASELINES and measure.baselines_should_lose]
        sign = 1 if measure.higher else -1
        leads = {
            name: _estimated({base: sign * (values[name].double() - values[base].double()) for base in baselines})
            for name in ordered
            if name not in BASELINES and baselines
        }
        return cls(measure, estimates, leads)

    def beaten_by(self, name: str) -> list[str]:
        """Return the baselines that an explainer does not beat: those whose interval of the margin reaches 0.

        With fewer than six images, no baseline counts as beaten.
        """
        return [base for base, lead in self.margin_over_baseline.get(name, {}).items() if not lead.above(0)]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on each explainer: whether its maps depend on the weights. Empty for every other measure."""
        if self.measure != RANDOMISATION:
            return {}
        return {name: Verdict.of(found) for name, found in self.estimates.items() if name not in BASELINES}

    @property
    def warnings(self) -> list[str]:
        """A line for each explainer whose maps ignore the weights."""
        blind = [name for name, verdict in self.verdicts.items() if verdict == Verdict.IGNORES]
        return [ignores_weights(name, self.estimates[name]) for name in blind]


def _estimated(values: Mapping[str, Tensor]) -> dict[str, Estimate]:
    return dict(zip(values, bootstrap(torch.stack([*values.values()], dim=-1)), strict=True))


@dataclass(frozen=True)
class Scores:
    """The scores of explanations of `n` images, with `accuracy` the share that the model classifies correctly.

    `signed` are the names of the explainers of whose maps only the positive part was scored.
    """

    n: int
    accuracy: float
    scored: tuple[Scored, ...]
    signed: frozenset[str] = frozenset()

    @property
    def warnings(self) -> list[str]:
        """Lines for a low accuracy, for explainers that ignore the weights, and for baselines that are not beaten."""
        lines = []
        if self.accuracy < ACCURATE:
            lines.append(
                f"the model classifies {percent(self.accuracy, 1)} of the {self.n:,} scored images correctly: below "
                f"{percent(ACCURATE)}, a low score may be caused by the model instead of the explanation"
            )
        for scored in self.scored:
            lines += scored.warnings
        return lines + self._beaten()

    def _beaten(self) -> list[str]:
        """Return a line for each explainer that does not beat every baseline, with the measures and the baselines."""
        found: dict[str, list[str]] = {}
        for scored in self.scored:
            for name in scored.margin_over_baseline:
                if beaten := scored.beaten_by(name):
                    found.setdefault(name, []).append(f"{scored.measure.name} ({', '.join(beaten)})")
        return [
            f"{name} does not beat every baseline with 95 % confidence on {'; '.join(where)}"
            for name, where in found.items()
        ]

    def tables(self) -> list[Table]:
        """Return a narrow table for each group of measures, with explainers first and baselines last."""
        return tables(self.scored, self.signed)

    def to_json(self) -> dict[str, Any]:
        """Return all estimates and margins as JSON values."""
        return {
            "images": self.n,
            "accuracy": self.accuracy,
            "warnings": self.warnings,
            "positive_part": sorted(self.signed),
            "measures": {
                scored.measure.name: {
                    **asdict(scored.measure),
                    "maps": {name: asdict(estimate) for name, estimate in scored.estimates.items()},
                    "verdicts": scored.verdicts,
                    "leads": {
                        name: {base: asdict(lead) for base, lead in leads.items()}
                        for name, leads in scored.margin_over_baseline.items()
                    },
                }
                for scored in self.scored
            },
        }


def positive_part(signed: Collection[str]) -> str:
    """Return a sentence that says which part of the maps of the `signed` explainers is scored."""
    return f"Of the signed maps of {', '.join(sorted(signed))}, only the positive values are scored"


def tables(scored: Iterable[Scored], signed: Collection[str] = ()) -> list[Table]:
    """Return a narrow table for each group of measures, with explainers first and baselines last.

    `signed` are the names of the explainers of whose maps only the positive part was scored.
    """
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        groups.setdefault(one.measure.group, []).append(one)
    return [_table(group, members, signed) for group, members in groups.items()]


def _table(group: str, members: list[Scored], signed: Collection[str]) -> Table:
    names = list(dict.fromkeys(name for scored in members for name in scored.estimates))
    names.sort(key=lambda name: name in BASELINES)
    verdicts = {name: verdict for scored in members for name, verdict in scored.verdicts.items()}
    rows = tuple(
        (
            f"{name} (baseline)" if name in BASELINES else name,
            *(_cell(scored, name) for scored in members),
            *([verdicts.get(name, "does not use the model")] if verdicts else []),
        )
        for name in names
    )
    header = ("map", *(scored.measure.name for scored in members), *(["verdict"] if verdicts else []))
    caption = _caption(members)
    if scored_in_part := [name for name in names if name in signed]:
        caption += f" {positive_part(scored_in_part)}."
    return Table(*_TITLES[group], caption, header, rows)


def _cell(scored: Scored, name: str) -> str:
    if name not in scored.estimates:
        return "none"
    estimate = scored.estimates[name]
    mark = " *" if scored.beaten_by(name) else ""
    return f"{estimate.mean:.3f} ({estimate.low:.3f} to {estimate.high:.3f}){mark}"


def _caption(members: list[Scored]) -> str:
    parts = []
    for scored in members:
        better, n = "higher" if scored.measure.higher else "lower", next(iter(scored.estimates.values())).n
        parts.append(f"{scored.measure.name}: {scored.measure.meaning} ({better} is better, n {n:,})")
    caption = "; ".join(parts) + ". The brackets show the 95 % interval over images."
    if any(scored.margin_over_baseline for scored in members):
        caption += " * does not beat every baseline on the same images with 95 % confidence."
    if any(scored.verdicts for scored in members):
        caption += f" {bounds()}"
    return caption[0].upper() + caption[1:]
