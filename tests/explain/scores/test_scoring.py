"""Scores of a real network: maps that know of it beat maps that do not, and one without knowledge is found out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from cvkit import RunError
from cvkit.explain.scores import ACCURATE, BASELINES, Verdict, redrawn, score, tables, weights_check
from cvkit.explain.scores.deletion_insertion import deletion, insertion

N = 80


@pytest.fixture(scope="module")
def scores(four_shapes, knowing, explainers_of):
    _, test, _ = four_shapes
    explainers = explainers_of(knowing, "grad_cam", "eigen_cam", "guided_backprop")
    return score(explainers, test.images, test.labels, test.masks, at_most=N)


@pytest.fixture(scope="module")
def shuffled(four_shapes, knowing, explainers_of):
    """Scores of the same network with all its weights shuffled."""
    _, test, _ = four_shapes
    explainers = explainers_of(redrawn(knowing, test.images, share=1), "grad_cam")
    return score(explainers, test.images, test.labels, test.masks, at_most=N)


class Single(nn.Sequential):
    """A model that cannot be copied."""

    def __deepcopy__(self, memo):
        raise RuntimeError("there is only one of me")


def measured(scores, name):
    return next(scored for scored in scores.scored if scored.measure.name == name)


def test_grad_cam_beats_every_baseline_where_the_model_is_asked(scores):
    """Two objects and energy, with confidence; elsewhere only the contrast is as good, as shapes stand out by it."""
    for name in ("two objects", "energy in mask"):
        assert measured(scores, name).beaten_by("grad_cam") == []
    for name in ("pointing game", "top-k IoU", "deletion", "insertion"):
        assert set(measured(scores, name).beaten_by("grad_cam")) <= {"blurred contrast"}


def test_model_with_shuffled_weights_is_flagged(scores, shuffled):
    """By its accuracy, and by maps that are no better at finding objects than noise."""
    assert scores.accuracy >= ACCURATE > shuffled.accuracy
    right = f"{100 * shuffled.accuracy:.1f} %"
    assert any(right in line for line in shuffled.warnings)
    for name in ("pointing game", "energy in mask", "two objects"):
        assert "uniform noise" in measured(shuffled, name).beaten_by("grad_cam")
    assert any("two objects" in line and "uniform noise" in line for line in shuffled.warnings)


def test_class_agnostic_maps_never_swap(scores):
    """Eigen-CAM answers the same whatever is asked."""
    assert measured(scores, "two objects").estimates["eigen_cam"].mean == 0


def test_verdicts_part_what_follows_the_weights_from_what_never_asks(scores):
    """Grad-CAM follows them, the baselines have 1, and what lies between is called neither."""
    weights = measured(scores, "new weights")
    assert weights.verdicts == {"grad_cam": "follows", "eigen_cam": "between", "guided_backprop": "between"}
    assert {Verdict.of(weights.estimates[name]) for name in BASELINES} == {"ignores"}


def test_weights_check_finds_the_same_on_few_images(four_shapes, knowing, explainers_of):
    """32 images are enough."""
    _, test, _ = four_shapes
    explainers = explainers_of(knowing, "grad_cam", "guided_backprop")
    (found,), lines = weights_check(explainers, test.images[:32], test.labels[:32])
    assert found.verdicts == {"grad_cam": "follows", "guided_backprop": "between"}
    assert lines == []


def test_weights_check_never_raises(four_shapes, knowing, explainers_of):
    """Where it cannot be made, it says so: here of a model that cannot be copied."""
    _, test, _ = four_shapes
    explainers = explainers_of(replace(knowing, model=Single(knowing.model)), "grad_cam")
    found, (line,) = weights_check(explainers, test.images[:4], test.labels[:4])
    assert found == []
    assert line.endswith(": there is only one of me")


def test_redrawn_model_is_another_and_the_model_stays(four_shapes, knowing):
    """The last quarter of its tensors hold the same values in another order; modes and the original are as before."""
    _, test, _ = four_shapes
    before = {name: value.clone() for name, value in knowing.model.state_dict().items()}
    other = redrawn(knowing, test.images)
    assert all(torch.equal(value, before[name]) for name, value in knowing.model.state_dict().items())
    assert not any(module.training for module in other.model.modules())
    pairs = list(zip(knowing.model.parameters(), other.model.parameters(), strict=True))
    changed = [not torch.equal(*pair) for pair in pairs]
    assert not any(changed[: len(pairs) * 3 // 4])
    assert all(torch.equal(one.flatten().sort().values, two.flatten().sort().values) for one, two in pairs)
    assert changed[-2:] == [True, True]


def test_mirrored_images_have_mirrored_baselines(scores):
    """Edges move with the image, and noise does not."""
    estimates = measured(scores, "mirror").estimates
    assert estimates["Sobel edges"].mean == pytest.approx(1)
    assert abs(estimates["uniform noise"].mean) < 0.1
    assert estimates["grad_cam"].mean > 0.5


def test_removal_prefers_the_object_to_its_surroundings(four_shapes, knowing):
    """The mask itself as a map is better than its opposite both ways; every curve lies within [0, 1]."""
    _, test, _ = four_shapes
    chosen = (knowing, test.images[:40], test.labels[:40])
    good, bad = test.masks[:40].float(), 1 - test.masks[:40].float()
    assert deletion(*chosen, good).mean() < deletion(*chosen, bad).mean() - 0.1
    assert insertion(*chosen, good).mean() > insertion(*chosen, bad).mean() + 0.1
    assert 0 <= deletion(*chosen, bad).min() <= insertion(*chosen, good).max() <= 1


def test_scores_make_narrow_tables_and_plain_json(scores):
    """At most three measures a table; explainers first; what does not beat every baseline is marked."""
    assert [table.header[1:] for table in scores.tables()] == [
        ("pointing game", "energy in mask", "top-k IoU"),
        ("two objects", "deletion", "insertion"),
        ("new weights", "verdict"),
        ("mirror",),
    ]
    rows = [row[0] for row in scores.tables()[0].rows]
    assert rows[0] == "grad_cam"
    assert rows[-1] == "blurred contrast (baseline)"
    eigen = next(row for row in scores.tables()[1].rows if row[0] == "eigen_cam")
    assert eigen[1] == "0.000 (0.000 to 0.000) *"
    found = json.loads(json.dumps(scores.to_json()))
    assert found["images"] == N
    assert found["measures"]["deletion"]["maps"]["grad_cam"].keys() == {"mean", "low", "high", "n"}


def test_scores_without_masks_measure_the_rest(four_shapes, knowing, explainers_of):
    """Nothing that needs an object is there."""
    _, test, _ = four_shapes
    found = score(explainers_of(knowing, "grad_cam"), test.images[:12], test.labels[:12])
    assert [scored.measure.name for scored in found.scored] == ["deletion", "insertion", "new weights", "mirror"]
    assert len(tables(found.scored)) == 3


def test_scores_of_one_image_are_refused(four_shapes, knowing, explainers_of):
    """An interval needs two."""
    _, test, _ = four_shapes
    with pytest.raises(RunError, match=r"1$"):
        score(explainers_of(knowing, "grad_cam"), test.images[:1], test.labels[:1])


def test_scores_are_the_same_again(four_shapes, knowing, explainers_of):
    """Images, noise, weights and resamples are all seeded."""
    _, test, _ = four_shapes
    first, second = (
        score(explainers_of(knowing, "grad_cam"), test.images, test.labels, test.masks, at_most=10) for _ in range(2)
    )
    assert first.to_json() == second.to_json()
