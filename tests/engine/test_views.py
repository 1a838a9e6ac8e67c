"""Test-time augmentation: views of images, the mean of their logits, and their names wherever the score stands."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from cvkit import EpochRecord, RecipeError
from cvkit.diagnostics.training_curves import curves
from cvkit.engine.views import FLIP, view
from cvkit.recipe.settings import View
from cvkit.runs.json_files import checked_record
from cvkit.runs.lines import epoch_line

IMAGES = torch.arange(2 * 32 * 48, dtype=torch.float32).view(1, 2, 32, 48)


@pytest.mark.parametrize("name", get_args(View))
def test_view_keeps_the_shape_and_its_input(name):
    """Of any image, also of a single pixel."""
    before = IMAGES.clone()
    seen = view(IMAGES, name)
    assert torch.equal(IMAGES, before)
    assert seen.shape == IMAGES.shape
    assert torch.equal(view(IMAGES, name), seen)
    assert name == "identity" or not torch.equal(seen, IMAGES)
    assert view(torch.ones(2, 3, 1, 1), name).tolist() == torch.ones(2, 3, 1, 1).tolist()


def test_shifts_move_by_a_sixteenth_and_repeat_the_edge():
    """Two rows of 32, three columns of 48."""
    assert torch.equal(view(IMAGES, "shift_down")[..., 2:, :], IMAGES[..., :-2, :])
    assert torch.equal(view(IMAGES, "shift_down")[..., 1, :], IMAGES[..., 0, :])
    assert torch.equal(view(IMAGES, "shift_up")[..., :-2, :], IMAGES[..., 2:, :])
    assert torch.equal(view(IMAGES, "shift_right")[..., 3:], IMAGES[..., :-3])
    assert torch.equal(view(IMAGES, "shift_left")[..., :-3], IMAGES[..., 3:])
    assert torch.equal(view(IMAGES, "shift_left")[..., -1], IMAGES[..., -1])


def test_pixel_views_move_by_one_and_reflect_the_edge():
    """By a pixel in both directions; the mirrored ones are mirrored before they are moved."""
    moved = view(IMAGES, "pixel_down_right")
    assert torch.equal(moved[..., 1:, 1:], IMAGES[..., :-1, :-1])
    assert torch.equal(moved[..., 0, 1:], IMAGES[..., 1, :-1])
    assert torch.equal(moved[..., 0, 0], IMAGES[..., 1, 1])
    moved = view(IMAGES, "pixel_up_left")
    assert torch.equal(moved[..., :-1, :-1], IMAGES[..., 1:, 1:])
    assert torch.equal(moved[..., -1, -1], IMAGES[..., -2, -2])
    for name in ("pixel_up_left", "pixel_down_right"):
        assert torch.equal(view(IMAGES, f"flipped_{name}"), view(IMAGES.flip(-1), name))


def test_crop_enlarges_the_middle():
    """A linear picture remains linear, and its slope becomes smaller."""
    ramp = torch.linspace(0, 1, 40).expand(1, 1, 40, 40)
    seen = view(ramp, "crop_80")
    assert float(seen[0, 0, 0, 20] - seen[0, 0, 0, 19]) == pytest.approx(0.8 / 39, rel=1e-3)
    assert float(seen.mean()) == pytest.approx(0.5, abs=1e-4)


def test_views_at_final_are_used_after_the_last_epoch(make_run):
    """Also if `max_steps` ends the run within an epoch; the earlier records have no such score."""
    views = "evaluation={flip_tta: true, views_at: final}"
    for overrides, expected in (((), [False, False, True]), (("train.max_steps=12",), [False, True])):
        run = make_run(views, *overrides)
        records = [event for event in run.fit() if isinstance(event, EpochRecord)]
        assert [record.accuracy_tta is not None for record in records] == expected
        assert run.evaluator.predict(views=FLIP).accuracy == records[-1].accuracy_tta


def test_logits_are_the_mean_over_the_views(make_run):
    """In evaluation mode; and the predictions name the views."""
    run = make_run()
    views = ("identity", "vertical_flip", "crop_90")
    found = run.evaluator.predict(views=views)
    model = run.parts.model.eval()
    images = torch.stack([image for image, _ in run.parts.splits.test])
    inputs = run.parts.preprocessor.for_evaluation(images)
    with torch.no_grad():
        expected = sum(model(view(inputs, name)) for name in views) / 3
    torch.testing.assert_close(found.logits, expected)
    assert found.views == views
    assert "mean over identity, vertical_flip, crop_90" in repr(found)
    assert run.evaluator.predict().views == ()


def test_flip_tta_is_two_views(make_run):
    """The same numbers, under the name that it had."""
    flip, listed = (
        next(event for event in make_run(setting, "train.epochs=1").fit() if isinstance(event, EpochRecord))
        for setting in ("evaluation.flip_tta=true", "evaluation.views=[identity, horizontal_flip]")
    )
    assert (flip.accuracy_tta, flip.tta_views) == (listed.accuracy_tta, FLIP)
    run = make_run()
    forward, inputs = run.evaluator, torch.stack([image for image, _ in run.parts.splits.test])
    inputs, model = run.parts.preprocessor.for_evaluation(inputs), run.parts.model.eval()
    with torch.no_grad():
        mean = (model(inputs) + model(inputs.flip(-1))) / 2
    assert torch.equal(forward.predict(flip=True).logits, mean)
    assert "   with flip TTA " in epoch_line(flip)


def test_score_of_views_is_labelled_wherever_it_stands(make_run):
    """In the record, the line of the epoch and the caption of the curves; the headline does not use it."""
    plain, run = make_run("train.epochs=1"), make_run("train.epochs=1", "evaluation.views=[identity, shift_up]")
    (without,), (record,) = (
        [event for event in each.fit() if isinstance(event, EpochRecord)] for each in (plain, run)
    )
    assert (record.accuracy, without.tta_views) == (without.accuracy, ())
    assert record.tta_views == ("identity", "shift_up")
    assert f"with TTA (identity, shift_up) {100 * record.accuracy_tta:.2f}" in epoch_line(record)
    assert (
        "TTA: test accuracy with predictions averaged over the views identity, shift_up." in curves([record]).caption
    )
    assert run.final_predictions().views == ()


def test_record_of_an_earlier_cvkit_is_of_flips(make_run):
    """They were the only views."""
    (record,) = [
        event
        for event in make_run("train.epochs=1", "evaluation.flip_tta=true").fit()
        if isinstance(event, EpochRecord)
    ]
    series = ("step_losses", "step_lrs", "step_momenta", "decisions", "thresholds")
    data = record.to_json() | {name: list(getattr(record, name)) for name in series}
    del data["tta_views"]
    assert checked_record(data) == record


@pytest.mark.parametrize("setting", ["{views: [identity], flip_tta: true}", "{views: [crop_90, crop_90]}"])
def test_views_that_contradict_are_refused(make_run, setting, wording):
    """By the check of the recipe."""
    with pytest.raises(RecipeError) as caught:
        make_run(f"evaluation={setting}")
    assert str(caught.value) == wording
