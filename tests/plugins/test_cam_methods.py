"""What every method of the family shares: one engine, and the ways models are held."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import cvkit_gradcam
from cvkit import RunError
from cvkit.host.catalog import catalog_of
from cvkit.testing import ExplainerSuite
from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.grad_cam_pp import grad_cam_pp
from cvkit_gradcam.guided_backprop import guided_backprop
from cvkit_gradcam.hires_cam import hires_cam
from cvkit_gradcam.layer_cam import layer_cam
from cvkit_gradcam.score_cam import score_cam
from cvkit_resnet.network import custom_resnet

CATALOG = catalog_of({"gradcam": cvkit_gradcam})
METHODS = [grad_cam, hires_cam, layer_cam, grad_cam_pp, eigen_cam, score_cam]
TARGETS = torch.tensor([0, 3, 3, 9])
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
EXCLUSIVE = {"promised_values": "normalize and compat exclude each other"}


def held(component: str, skips: dict[str, str] | None = None, **options: object) -> type[ExplainerSuite]:
    attributes = {"component": component, "options": options, "catalog": CATALOG, "skips": skips or {}}
    return type("Held", (ExplainerSuite,), attributes)


TestGradCam = held("gradcam/grad_cam", EXCLUSIVE, normalize="minmax", chunk=3)
TestHiresCam = held("gradcam/hires_cam", chunk=2)
TestLayerCam = held("gradcam/layer_cam", chunk=1)
TestGradCamPp = held("gradcam/grad_cam_pp", EXCLUSIVE, normalize="minmax")
TestEigenCam = held("gradcam/eigen_cam", EXCLUSIVE, compat="pytorch-grad-cam")
TestScoreCam = held("gradcam/score_cam", chunk=5)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_score_cam_shows_the_model_no_more_images_than_chunk_at_once(model, images, chunk):
    """The masked ones too: that bounds its memory."""
    seen = []
    expected = score_cam(model, layer="layer3")(images, TARGETS)
    handle = model.prep.register_forward_hook(lambda m, i, o: seen.append(len(o)))
    maps = score_cam(model, layer="layer3", chunk=chunk)(images, TARGETS)
    handle.remove()
    assert max(seen) == chunk
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4)


# One engine


@every_method
def test_several_classes_are_explained_in_one_forward_pass(model, images, method):
    """Maps (B, T, H, W), each that of its class alone."""
    targets = torch.tensor([[0, 3, 7]] * 4)
    explainer = method(model, layer="layer3")
    alone = torch.stack([explainer(images, column) for column in targets.T], dim=1)
    calls = []
    handle = model.prep.register_forward_hook(lambda m, i, o: calls.append(len(o)))
    together = explainer(images, targets)
    handle.remove()
    assert together.shape == (4, 3, 32, 32)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    if method is not score_cam:
        assert calls == [4]


@every_method
def test_explanation_keeps_every_stage_and_where_it_came_from(model, images, method):
    """Signed map, rectified map, map at the images' size, what is empty, method, layer and targets."""
    found = method(model).explain(images, TARGETS)
    assert (found.method, found.layer) == (method.__name__, "layer3")
    assert torch.equal(found.targets, TARGETS)
    assert found.raw.shape == (4, 4, 4)
    assert torch.equal(found.rectified, found.raw.clamp(min=0))
    assert torch.equal(found.maps, method(model)(images, TARGETS))
    assert torch.equal(found.empty, found.maps.amax((1, 2)) == 0)


def test_map_without_positive_evidence_is_said_to_be_empty(images, small_net):
    """A class whose weights are all negative on activations that are not."""
    net = small_net()
    with torch.no_grad():
        net[5].weight[0], net[5].weight[1] = -1.0, 1.0
    found = grad_cam(net, layer="2").explain(images, torch.tensor([[0, 1]] * 4))
    assert found.empty.tolist() == [[True, False]] * 4
    assert (found.raw[:, 0] < 0).any()
    assert not found.maps[:, 0].any()


@every_method
def test_chunks_bound_how_many_images_are_held_and_change_nothing(model, images, method):
    """Three and one of four images."""
    seen = []
    handle = model.prep.register_forward_hook(lambda m, i, o: seen.append(len(o)))
    maps = method(model, layer="layer3", chunk=3)(images, TARGETS)
    handle.remove()
    assert max(seen) == 3
    torch.testing.assert_close(maps, method(model, layer="layer3")(images, TARGETS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("targets", "value"),
    [
        (torch.zeros(3, dtype=torch.int64), r"\(3,\)"),
        (torch.zeros(4, 0, dtype=torch.int64), r"\(4, 0\)"),
        (torch.tensor([0, 1, 2, 10]), r"\b10\b"),
        (torch.tensor([0, 1, 2, -1]), r"-1\b"),
    ],
    ids=["too few", "none", "too high", "negative"],
)
def test_targets_that_do_not_fit_are_refused(model, images, targets, value, wording):
    """Their number, and the classes there are."""
    with pytest.raises(RunError, match=value) as caught:
        grad_cam(model)(images, targets)
    assert str(caught.value) == wording


def test_no_images_are_refused(model, wording):
    """There is no layer to choose by."""
    with pytest.raises(RunError) as caught:
        grad_cam(model)(torch.empty(0, 3, 32, 32), torch.empty(0, dtype=torch.int64))
    assert str(caught.value) == wording


def test_layer_that_is_not_reached_is_refused(model, images, wording):
    """A layer that the model has, and does not use."""
    model.spare = nn.Conv2d(3, 3, 3)
    said = set()
    for method in METHODS:
        with pytest.raises(RunError, match="'spare'") as caught:
            method(model, layer="spare")(images, TARGETS)
        said.add(str(caught.value))
    assert said == wording


class Aside(nn.Module):
    """A net that calls a layer without using it, and another without a gradient."""

    def __init__(self):
        super().__init__()
        self.first, self.unused, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 1), nn.Linear(6, 10)

    def forward(self, images):
        with torch.no_grad():
            features = self.first(images)
        self.aside = self.unused(features)
        return self.head(features.mean((2, 3)))


@pytest.mark.parametrize("layer", ["first", "unused"])
def test_layer_that_no_gradient_reaches_is_refused(images, layer, wording):
    """Rather than by an error of torch's; a method without gradients explains it."""
    net = Aside().eval()
    said = set()
    for method in (grad_cam, hires_cam, layer_cam, grad_cam_pp):
        with pytest.raises(RunError) as caught:
            method(net, layer=layer)(images, TARGETS)
        said.add(str(caught.value))
    assert said == wording
    assert eigen_cam(net, layer=layer)(images, TARGETS).any()


# However the model is held


@every_method
def test_in_place_relu_after_the_layer_does_not_reach_its_activation(images, method, small_net):
    """Two nets that compute the same are explained alike."""
    plain, in_place = small_net(), small_net(inplace=True)
    in_place.load_state_dict(plain.state_dict())
    raw = [method(net, layer="1").explain(images, TARGETS).raw for net in (plain, in_place)]
    assert torch.equal(*raw)


@every_method
def test_images_and_targets_may_come_from_inference_mode(model, images, method):
    """Such tensors cannot be kept for a gradient; the model's own predictions are the usual targets."""
    expected = method(model)(images, model(images).argmax(1))
    with torch.inference_mode():
        inputs = images * 1
        maps = method(model)(inputs, model(inputs).argmax(1))
        assert torch.is_inference_mode_enabled()
    assert torch.equal(maps, expected)


@every_method
def test_maps_under_bf16_autocast_are_those_of_full_precision_nearly(model, images, method):
    """And are float32, whatever the activations are."""
    expected = method(model)(images, TARGETS)
    with torch.autocast("cpu", torch.bfloat16):
        maps = method(model)(images, TARGETS)
    assert maps.dtype == torch.float32
    assert (maps - expected).abs().mean() < 0.03


@every_method
def test_explaining_within_autocast_leaves_a_training_step_its_gradients(model, images, method):
    """Weights that autocast has cast without a graph would otherwise be used by the step, by torch 2.6 for one."""
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        method(model)(images, TARGETS)
        loss = cross_entropy(model(images), TARGETS)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@every_method
def test_images_that_are_not_square_get_maps_of_their_shape(info, method):
    """Height first."""
    model = custom_resnet(replace(info, height=32, width=96), width=4).eval()
    assert method(model)(torch.randn(2, 3, 32, 96), TARGETS[:2]).shape == (2, 32, 96)


class Whole(nn.Module):
    """A network of a class of its own: torch 2.6 leaves a Sequential that is compiled in place as it is."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)


@pytest.mark.parametrize("compiled", ["in place", "wrapped", "in part"])
def test_compiled_model_is_explained_as_it_is_written(images, small_net, compiled):
    """Code that is compiled does not call hooks; it is in force again afterwards."""
    net, twin = small_net(), small_net()
    twin.load_state_dict(net.state_dict())
    calls = []

    def backend(graph, inputs):
        def run(*values):
            calls.append(compiled)
            return graph(*values)

        return run

    if compiled == "in place":
        net, twin = Whole(net), Whole(twin)
        twin.compile(backend=backend)
    elif compiled == "wrapped":
        twin = torch.compile(twin, backend=backend)
    else:
        twin[0] = torch.compile(twin[0], backend=backend)
    with torch.no_grad():
        logits = twin(images)
    for explainer in (grad_cam, score_cam, guided_backprop):
        calls.clear()
        assert torch.equal(explainer(twin)(images, TARGETS), explainer(net)(images, TARGETS))
        assert not calls
    with torch.no_grad():
        assert torch.equal(twin(images), logits)
    assert calls


@every_method
def test_model_of_doubles_is_explained_in_doubles(model, images, method):
    """What is shown is float32 as ever."""
    found = method(model.double(), layer="layer3").explain(images.double(), TARGETS)
    assert (found.raw.dtype, found.rectified.dtype, found.maps.dtype) == (torch.float64, torch.float64, torch.float32)


def test_sums_of_a_model_of_doubles_keep_its_precision(model, images):
    """Terms that cancel lose eight digits more in float32, which the stretch to [0, 1] would then show."""
    model, images = model.double(), images.double()
    at = model.layer3(model.layer2(model.layer1(model.prep(images)))).detach().requires_grad_()
    logits = model.linear(model.pool(at).flatten(1)) * model.logit_scale
    (gradient,) = torch.autograd.grad(logits.gather(1, TARGETS[:, None]).sum(), at)
    expected = (gradient.mean((2, 3), keepdim=True) * at.detach()).sum(1)
    found = grad_cam(model, layer="layer3").explain(images, TARGETS)
    torch.testing.assert_close(found.raw, expected, rtol=1e-12, atol=1e-14)
