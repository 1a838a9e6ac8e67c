"""A trained model on a GPU is asked, explained and reported as on the CPU: no index, mask or map is left behind."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from cvkit.diagnostics.augmented_views import augmented_sheet
from cvkit.diagnostics.diagnose import diagnose
from cvkit.diagnostics.features import Features
from cvkit.diagnostics.neighbours import nearest
from cvkit.explain.explainers import Explainers
from cvkit.explain.scores import score
from cvkit.explain.scores.measures import DELETION, FLIP, INSERTION, RANDOMISATION

METHODS = (
    "grad_cam",
    "hires_cam",
    "layer_cam",
    "grad_cam_pp",
    "eigen_cam",
    "{name: score_cam, chunk: 7}",
    "{name: smoothed, method: grad_cam_pp, chunk: 3}",
    "{name: guided_backprop, chunk: 3}",
    "{name: grad_cam, normalize: minmax}",
    "{name: grad_cam, compat: captum}",
)
ASKED = torch.arange(6)


def trained_on(make_run, device: str, *overrides: str):
    run = make_run(f"train.device={device}", "train.max_steps=2", *overrides)
    *_, record = run.fit()
    return run, record


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_the_cpus(gpu, make_run, method):
    """The same weights on both, in fp32 without TF32."""
    on_gpu, on_cpu = (make_run(f"train.device={device}", f"explainers=[{method}]") for device in ("auto", "cpu"))
    images, targets = on_cpu.parts.splits.test.images[ASKED], ASKED % 10
    maps = []
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for run in (on_gpu, on_cpu):
            warnings: list[str] = []
            explainers = Explainers(run.trained(), run.parts.recipe.explainers, warnings)
            (made,) = explainers.explain(images, targets).values()
            assert len(explainers.working) == 1
            maps.append(made)
    assert all(made.device.type == "cpu" for made in maps)
    torch.testing.assert_close(
        *maps, atol=1e-2, rtol=0
    )  # rounding, that normalising enlarges; a wrong map is far off


def test_predictions_and_neighbours_are_the_cpus(gpu, make_run):
    """Mirror images and features too; distances are compared on the device, indices come back."""
    found = []
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for device in ("auto", "cpu"):
            run = make_run(f"train.device={device}")
            trained, images = run.trained(), run.parts.splits.test.images[ASKED]
            features = Features.before_logits(trained, images)
            near = nearest(features, images, run.parts.sources["test"], torch.arange(6, 30))
            found.append((run.evaluator.predict(flip=True).logits, near.similarities, trained.logits(images)))
            assert near.indices.device.type == "cpu"
    torch.testing.assert_close(*found, atol=1e-4, rtol=0)


def test_scores_are_measured(gpu, make_run):
    """With new random weights, removal, pairs of objects and baselines."""
    run, _ = trained_on(make_run, "auto", "explainers=[grad_cam, eigen_cam]")
    warnings: list[str] = []
    explainers = Explainers(run.trained(), run.parts.recipe.explainers, warnings)
    test = run.parts.splits.test
    scores = score(explainers, test.images[:8], test.labels[:8], test.masks[:8])
    assert {scored.measure for scored in scores.scored} >= {RANDOMISATION, DELETION, INSERTION, FLIP}
    assert set(scores.scored[0].estimates) >= {"grad_cam", "eigen_cam"}
    assert not warnings


@pytest.mark.usefixtures("unrendered")
def test_report_is_made_whole(apple_or_real, make_run):
    """Every figure, table and gallery, of a model with averaged weights."""
    run, record = trained_on(make_run, "auto", "train.ema=0.5", "evaluation.flip_tta=true")
    found = diagnose(run, [record], run.final_predictions())
    assert [len(card.pictures) for card in found.errors[0].cards] == [3] * 3
    assert len(found.explanations) == 2
    assert all("grad_cam" in [row[0] for row in table.rows] for table in found.explanations)
    assert augmented_sheet(run.parts).cards


def test_contrast_is_made_on_the_device(gpu, make_run):
    """One class against another."""
    run = make_run()
    explainer = run.parts.recipe.explainers[0].build(run.parts.trained_model)
    trained = run.trained()
    images, targets = trained.inputs(run.parts.splits.test.images[ASKED]), (ASKED % 10).to(gpu.device)
    told = explainer.explain(images, targets, against=(targets + 1) % 10)
    placed = [value for value in dataclasses.asdict(told).values() if isinstance(value, torch.Tensor)]
    assert {value.device for value in placed} == {gpu.device}
