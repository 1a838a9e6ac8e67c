"""The temperature, and temperatures and biases of classes, with the highest likelihood."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from cvkit import RunError
from cvkit.calibrating.temperature import fit_temperature, fit_vector_scaling, remarks

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_temperature_undoes_a_known_factor(drawn, factor):
    """Logits that are too large by a factor get this temperature."""
    found = drawn(4_000, factor)
    (temperature,) = fit_temperature(found.logits, found.labels).temperatures
    assert temperature == pytest.approx(factor, rel=0.06)


def test_temperature_has_the_lowest_loss(drawn):
    """No temperature nearby is better."""
    found = drawn(500, 2.0)
    (temperature,) = fit_temperature(found.logits, found.labels).temperatures
    losses = [float(cross_entropy(found.logits / (temperature * by), found.labels)) for by in (0.98, 1.0, 1.02)]
    assert losses[1] == min(losses)


def test_temperature_stays_1_if_every_image_is_right(drawn):
    """The likelihood then has no maximum, and a remark says so."""
    logits = drawn(50).logits
    found = fit_temperature(logits, logits.argmax(dim=1))
    assert found.temperatures == (1.0,)
    (line,) = remarks(found, logits, logits.argmax(dim=1))
    assert "stays 1" in line


def test_vector_scaling_undoes_a_known_bias_and_scale(drawn):
    """Logits of one class that are doubled and shifted get back."""
    found = drawn(20_000)
    changed = found.logits.clone()
    changed[:, 2] = 2 * changed[:, 2] + 1
    fitted = fit_vector_scaling(changed, found.labels, NAMES)
    assert fitted.temperatures == pytest.approx((1, 1, 2, 1), rel=0.1)
    assert sum(fitted.biases) == pytest.approx(0, abs=1e-9)
    back = fitted.calibrated(changed)
    assert float((back - found.probabilities).abs().mean()) < 0.01


def test_vector_scaling_needs_every_class(drawn):
    """A class without an image has no best bias; the error names it."""
    found = drawn(200)
    few = found.labels != 1
    with pytest.raises(RunError, match="'b'"):
        fit_vector_scaling(found.logits[few], found.labels[few], NAMES)


def test_few_images_and_unusual_temperatures_are_remarked(drawn):
    """Each has its own sentence; enough images of a usual model have none."""
    found = drawn(400)
    assert remarks(fit_temperature(found.logits, found.labels), found.logits, found.labels) == []
    scaled = fit_vector_scaling(found.logits[:40], found.labels[:40], NAMES)
    assert any("are few" in line for line in remarks(scaled, found.logits[:40], found.labels[:40]))
    large = fit_temperature(100 * found.logits, found.labels)
    assert any("unusual" in line for line in remarks(large, found.logits, found.labels))


def test_fitting_changes_no_gradient_setting(drawn):
    """It also works where gradients are off, and leaves no gradient on the logits."""
    found = drawn(100)
    with torch.no_grad():
        assert fit_temperature(found.logits, found.labels).temperatures[0] > 0
        assert not torch.is_grad_enabled()
    assert found.logits.grad is None
