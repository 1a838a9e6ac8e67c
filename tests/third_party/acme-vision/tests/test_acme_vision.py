"""Every part keeps its contract with cvkit, and the recipe runs."""

from __future__ import annotations

from pathlib import Path

import acme_vision

from cvkit.testing import (
    AugmentationSuite,
    ExplainerSuite,
    ModelSuite,
    SchedulerSuite,
    assert_light_declaration,
)

RECIPE = Path(__file__).parents[1] / "recipe.yaml"


class TestConvMixer(ModelSuite):
    component = "acme/convmixer"


class TestGridMask(AugmentationSuite):
    component = "acme/grid_mask"


class TestInverseSqrt(SchedulerSuite):
    component = "acme/inverse_sqrt"


class TestOcclusion(ExplainerSuite):
    component = "acme/occlusion"


def test_declaration_is_light():
    assert_light_declaration("acme-vision")


def test_recipe_runs(cvkit_host):
    cvkit_host.add("acme", acme_vision)
    result = cvkit_host.run(RECIPE)
    assert len(result.records) == 2
    assert result.report.exists()
    assert result.warnings == []
