"""Curves over a run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from cvkit.diagnostics import curves, metrics, schedule
from cvkit.diagnostics.rates import group_lines
from cvkit.diagnostics.run_marks import epochs_of, run_marks
from cvkit.diagnostics.series import smoothed, thinned
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
    varying = _records(3, step_momenta=(0.95, 0.9, 0.85, 0.9))
    with_momentum, without = schedule(varying), schedule(_records(3, momenta=False))
    assert [with_momentum.title, without.title] == wording
    heights = [float(ET.fromstring(figure.svg).attrib["height"].rstrip("pt")) for figure in (with_momentum, without)]
    assert heights[0] == pytest.approx(2 * heights[1])


def test_constant_momentum_is_a_sentence_instead_of_a_panel():
    """A flat line has nothing to show."""
    figure = schedule(_records(3))
    assert "0.9 at every step" in figure.caption
    assert figure.title == schedule(_records(3, momenta=False)).title


def test_rates_over_powers_of_ten_have_a_logarithmic_axis():
    """A cosine that ends at zero has a linear one, because only its last steps are small."""
    steps = np.arange(400)
    decay, cosine = 0.1 * 0.98**steps, 0.05 * (1 + np.cos(np.pi * steps / 400))
    drawn = [schedule(_records(1, steps=400, step_lrs=tuple(rates))).svg for rates in (decay, cosine)]
    assert ["logarithmic" in svg for svg in drawn] == [True, False]


def test_spike_does_not_flatten_the_other_losses():
    """The axis ends below it, a triangle marks it, and the caption has its height."""
    spiked = [replace(record, test_loss=768.0 if record.epoch == 7 else 1.2) for record in _records(20)]
    caption = curves(spiked).caption
    assert "1 loss is above the axis, up to 768" in caption
    assert "above the axis" not in curves(_records(20)).caption


def test_losses_over_powers_of_ten_have_a_logarithmic_axis():
    """A diverged run is shown whole; values that are not finite are counted."""
    rising = [replace(record, train_loss=10.0**record.epoch, test_loss=1.0) for record in _records(12)]
    rising[-1] = replace(rising[-1], train_loss=float("nan"))
    caption = curves(rising).caption
    assert "logarithmic" in caption
    assert "1 loss is not finite" in caption


def test_long_runs_are_smoothed_and_say_over_how_many_epochs():
    """Every epoch is still there, pale."""
    assert "13 neighbouring epochs" in curves(_records(300)).caption
    assert "neighbouring" not in curves(_records(50)).caption


def test_smoothed_values_are_medians_of_the_finite_ones():
    """At both ends the window is smaller; a gap is bridged, and a spike does not spread."""
    values = np.array([1.0, 2.0, np.nan, 4.0, 6.0, 900.0, 8.0])
    assert smoothed(values, 3).tolist() == [1.5, 1.5, 3.0, 5.0, 6.0, 8.0, 454.0]
    assert smoothed(values, 1) is values


def test_events_are_marked_where_they_happened():
    """The used epoch, a resumed session and an extension; an extension is not called a resumed session, too."""
    info = {"sessions": [{"after_step": 6}, {"after_step": 8}], "extended": [{"after_step": 8}]}
    records = _records(4)
    marks = run_marks(records, 3, info)
    assert [(mark.step, mark.label) for mark in marks] == [(6, "resumed"), (8, "extended"), (12, "used")]
    assert epochs_of([mark.step for mark in marks], records) == [1.5, 2.0, 3.0]
    assert run_marks(records, None, {"sessions": [{"after_step": 99}]}) == []
    figure = curves(records, marks)
    assert all(f">{label}</text>" in figure.svg for label in ("used", "resumed", "extended"))


def test_chance_is_drawn_for_scores_near_it():
    """A score far above it needs the axis for itself."""
    near, far = (curves(_records(4, test_accuracy=score), chance=0.1).svg for score in (0.15, 0.6))
    assert "chance 10.00 %" in near
    assert "chance" not in curves(_records(4, train_accuracy=0.9, test_accuracy=0.9), chance=0.1).svg
    assert "chance" not in far


def test_values_of_each_epoch_are_shown_under_the_pointer():
    """And in words for readers who cannot see the figure."""
    figure = curves(_records(3))
    assert figure.svg.count('class="tip"') == 2 * 3
    assert "epoch 2, learning rate 0.1, train loss 1, test loss 1.2, train accuracy 50.00 %" in figure.svg
    assert "test accuracy: 60.00 % at first, 60.00 % at the end" in figure.description


def test_schedule_names_the_highest_rate_and_its_step(wording):
    """The caption gives the peak of the whole run, counted from step 1."""
    records = _records(1) + _records(1, step_lrs=(0.2, 0.75, 0.3))
    assert {"0.75", "6"} <= {*re.findall(r"\d+(?:\.\d+)?", schedule(records).caption)}
    assert schedule(records).caption == wording


def test_thinned_series_keep_their_extremes():
    """However long a series, its lowest and highest points stay, in order."""
    y = np.sin(np.arange(10_000.0))
    y[1234], y[8765] = 9.0, -9.0
    x, kept = thinned(np.arange(10_000.0), y, columns=100)
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
