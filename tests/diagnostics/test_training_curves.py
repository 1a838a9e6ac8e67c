"""Curves over a run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from cvkit.diagnostics import curves, metrics, schedule
from cvkit.diagnostics.training_curves import _thinned, group_lines
from cvkit.engine.records import EpochRecord


def _records(epochs, steps=4, momenta=True, **changes):
    fields = {
        "train_loss": 1.0,
        "train_accuracy": 0.5,
        "test_loss": 1.2,
        "test_accuracy": 0.6,
        "learning_rate": 0.1,
        "images_per_second": 100.0,
        "seconds": 1.0,
        "step_losses": tuple(1.0 + 0.1 * i for i in range(steps)),
        "step_lrs": tuple(0.1 * (i + 1) for i in range(steps)),
        "step_momenta": (0.9,) * steps if momenta else (),
        **changes,
    }
    return [EpochRecord(epoch=epoch, step=epoch * steps, **fields) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize("epochs", [1, 24, 300])
def test_curves_are_drawn_for_any_number_of_epochs(epochs, wording):
    """One epoch and hundreds are both drawn, and say that training figures are running ones."""
    figure = curves(_records(epochs))
    assert ET.fromstring(figure.svg) is not None
    assert figure.caption == wording
    assert len(figure.svg) < 200_000


def test_curves_survive_a_loss_that_is_not_a_number(recwarn):
    """A diverged epoch leaves a gap instead of an error or a warning."""
    nan = float("nan")
    curves(_records(2, train_loss=nan, test_loss=nan, step_losses=(nan,) * 4))
    assert not recwarn.list


def test_curves_label_test_time_augmentation_where_there_is_any():
    """An accuracy averaged over flips is drawn and named as such, and only then."""
    assert "TTA" in curves(_records(2, accuracy_tta=0.7)).caption
    assert "TTA" not in curves(_records(2)).caption


def test_epochs_of_mixed_images_have_no_training_accuracy(wording):
    """The caption says which epochs have none, and why."""
    plain, mixed = _records(3), _records(3, train_accuracy=None)
    assert "mixed" not in curves(plain).caption
    assert [curves(records).caption for records in (mixed, [mixed[0], *plain[1:]])] == wording


def test_schedule_leaves_out_momentum_where_there_is_none(wording):
    """An optimizer without momentum has one panel, about half as high."""
    with_momentum, without = schedule(_records(3)), schedule(_records(3, momenta=False))
    assert [with_momentum.title, without.title] == wording
    heights = [float(ET.fromstring(figure.svg).attrib["height"].rstrip("pt")) for figure in (with_momentum, without)]
    assert heights[0] == pytest.approx(2 * heights[1])


def test_schedule_names_the_highest_rate_and_its_step(wording):
    """The caption gives the peak of the whole run, counted from step 1."""
    records = _records(1) + _records(1, step_lrs=(0.2, 0.75, 0.3))
    assert {"0.75", "6"} <= {*re.findall(r"\d+(?:\.\d+)?", schedule(records).caption)}
    assert schedule(records).caption == wording


def test_thinned_series_keep_their_extremes():
    """However long a series, its lowest and highest points stay, in order."""
    y = np.sin(np.arange(10_000.0))
    y[1234], y[8765] = 9.0, -9.0
    x, kept = _thinned(np.arange(10_000.0), y, columns=100)
    assert len(x) <= 200
    assert {9.0, -9.0} <= set(kept)
    assert (np.diff(x) > 0).all()


def test_each_metric_has_a_panel_with_its_last_value():
    """Values may be negative or constant; records of a session before the metric was added have none."""
    before, *after = _records(3)
    measured = [
        replace(record, metrics={"kappa": -0.125, "top_k(k=3)": 0.5 + 0.1 * record.epoch}) for record in after
    ]
    figure = metrics([before, *measured])
    assert figure is not None
    for text in ("kappa", "test -0.125", "top_k(k=3)", "test 0.800"):
        assert text.replace("-", "\N{MINUS SIGN}") in figure.svg or text in figure.svg
    one = metrics([replace(record, metrics={"kappa": 0.5}) for record in after])
    assert one is not None
    heights = [float(ET.fromstring(each.svg).attrib["height"].rstrip("pt")) for each in (figure, one)]
    assert heights[0] == pytest.approx(2 * heights[1])


def test_title_says_which_metrics_are_better_if_they_are_lower():
    """The others have their name only."""
    records = [replace(record, metrics={"ece": 0.1, "auroc": 0.8}) for record in _records(2)]
    figure = metrics(records, {"ece"})
    assert figure is not None
    assert figure.svg.count("lower is better") == figure.svg.count("ece (lower is better)") == 1


def test_run_without_metrics_has_no_figure_of_them():
    """As most runs are."""
    assert metrics(_records(2)) is None


def _of_groups(epochs: int, factors: dict[str, float], *, floor: float = 0.0) -> list[EpochRecord]:
    """Return records of an optimizer with groups, whose first rate rises from 0.1 to 0.4 in each epoch."""
    rates = {name: max(0.4 * factor, floor) for name, factor in factors.items()}
    return _records(epochs, learning_rate=0.4, group_lrs=rates)


def test_every_parameter_group_has_a_line():
    """With its own rate at every step; groups with the same rate are one line with both names."""
    lines = group_lines(_of_groups(2, {"head": 1.0, "loss": 1.0, "body": 0.25}), {})
    assert [name for name, _, _ in lines] == ["head, loss", "body"]
    assert len({colour for _, _, colour in lines}) == 2
    head, body = (values for _, values, _ in lines)
    assert head.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4] * 2)
    assert body.tolist() == pytest.approx([0.025, 0.05, 0.075, 0.1] * 2)


def test_one_group_is_one_line_without_a_name():
    """As before there were groups, also if all of them have the same rate."""
    for records in (_records(2), _of_groups(2, {"head": 1.0, "body": 1.0})):
        ((name, values, _),) = group_lines(records, {})
        assert name == ""
        assert len(values) == 8


def test_rate_that_is_not_proportional_is_drawn_as_it_was_recorded():
    """A schedule with a lowest rate: the epoch ends with the recorded value."""
    lines = group_lines(_of_groups(1, {"head": 1.0, "body": 0.1}, floor=0.2), {"body": 0.1})
    assert lines[1][1][-1] == pytest.approx(0.2)


def test_epochs_that_end_at_zero_use_the_initial_ratio():
    """There is no ratio to read at their end."""
    records = _records(2, learning_rate=0.0, step_lrs=(0.3, 0.2, 0.1, 0.0), group_lrs={"head": 0.0, "body": 0.0})
    _, (name, body, _) = group_lines(records, {"head": 1.0, "body": 0.5})
    assert name == "body"
    assert body.tolist() == pytest.approx([0.15, 0.1, 0.05, 0.0] * 2)


def test_many_groups_name_the_first_and_the_last(wording):
    """A line for each layer, from blue to orange; the caption has all names."""
    factors = {name: 0.75**place for place, name in enumerate(["head", *(f"blocks.{i}" for i in range(9, -1, -1))])}
    records = _of_groups(2, factors)
    lines = group_lines(records, {})
    assert [name for name, _, _ in lines if name] == ["head", "blocks.0"]
    assert len({colour for _, _, colour in lines}) == 11
    assert schedule(records).caption == wording
