"""Curves over a run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from cvkit.diagnostics import curves, metrics, schedule
from cvkit.diagnostics.training_curves import _thinned
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
