"""Which layer is explained in the nets that people use, and that its map is what plain autograd computes."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import timm
import torch
import torchvision
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from cvkit_gradcam.grad_cam import grad_cam

TARGETS = torch.tensor([0, 3])
CONV, LAST, TOKENS = "channels first", "channels last", "tokens"
MAXVIT = {
    "input_size": (64, 64),
    "stem_channels": 8,
    "partition_size": 2,
    "block_channels": [8, 16],
    "block_layers": [1, 2],
    "head_dim": 4,
    "stochastic_depth_prob": 0.0,
}
VIT = {"image_size": 64, "patch_size": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 64}
WIDE = {"img_size": (64, 96)}
SLOW_INIT = {"init_weights": False}


class Case(NamedTuple):
    """A net, the size of its images, and the layer chosen: its name, layout, height, width and tokens in front."""

    model: str
    size: tuple[int, int]
    layer: str
    layout: str
    h: int
    w: int
    prefix: int = 0
    options: dict[str, object] = {}


CASES = [
    Case("torchvision/alexnet", (96, 128), "features.11", CONV, 5, 7),
    Case("torchvision/vgg11", (64, 96), "features.19", CONV, 4, 6, options=SLOW_INIT),
    Case("torchvision/resnet18", (64, 96), "layer4", CONV, 2, 3),
    Case("torchvision/squeezenet1_1", (64, 96), "classifier.2", CONV, 3, 5),
    Case("torchvision/densenet121", (64, 96), "features", CONV, 2, 3),
    Case("torchvision/googlenet", (64, 96), "inception5b", CONV, 2, 3, options=SLOW_INIT),
    Case("torchvision/inception_v3", (107, 139), "Mixed_7c", CONV, 2, 3, options=SLOW_INIT),
    Case("torchvision/mobilenet_v2", (64, 96), "features", CONV, 2, 3),
    Case("torchvision/mobilenet_v3_small", (64, 96), "features", CONV, 2, 3),
    Case("torchvision/shufflenet_v2_x0_5", (64, 96), "conv5", CONV, 2, 3),
    Case("torchvision/mnasnet0_5", (64, 96), "layers", CONV, 2, 3),
    Case("torchvision/efficientnet_b0", (64, 96), "features", CONV, 2, 3),
    Case("torchvision/regnet_y_400mf", (64, 96), "trunk_output", CONV, 2, 3),
    Case("torchvision/convnext_tiny", (64, 96), "features", CONV, 2, 3),
    Case("torchvision/swin_t", (64, 96), "norm", LAST, 2, 3),
    Case("torchvision/swin_v2_t", (64, 96), "norm", LAST, 2, 3),
    Case("torchvision/VisionTransformer", (64, 64), "encoder.layers.encoder_layer_1.ln_1", TOKENS, 4, 4, 1, VIT),
    Case("torchvision/MaxVit", (64, 64), "blocks.1", CONV, 8, 8, options=MAXVIT),
    Case("timm/convnext_atto", (64, 96), "stages", CONV, 2, 3),
    Case("timm/mobilenetv3_small_050", (64, 96), "blocks", CONV, 2, 3),
    Case("timm/ghostnet_050", (64, 96), "blocks", CONV, 2, 3),
    Case("timm/poolformer_s12", (64, 96), "stages", CONV, 2, 3),
    Case("timm/coatnet_pico_rw_224", (64, 96), "norm", CONV, 2, 3, options=WIDE),
    Case("timm/maxvit_rmlp_pico_rw_256", (64, 96), "norm", CONV, 2, 3, options=WIDE),
    Case("timm/mobilevit_xxs", (64, 96), "final_conv", CONV, 2, 3),
    Case("timm/edgenext_xx_small", (64, 96), "stages", CONV, 2, 3),
    Case("timm/pvt_v2_b0", (64, 96), "stages", CONV, 2, 3),
    Case("timm/mambaout_femto", (64, 96), "stages", LAST, 2, 3),
    Case("timm/swin_tiny_patch4_window7_224", (64, 96), "norm", LAST, 2, 3, options=WIDE),
    Case("timm/swinv2_tiny_window8_256", (64, 96), "norm", LAST, 2, 3, options=WIDE),
    Case("timm/vit_tiny_patch16_224", (64, 96), "blocks.11.norm1", TOKENS, 4, 6, 1, WIDE),
    Case("timm/deit_tiny_distilled_patch16_224", (64, 96), "blocks.11.norm1", TOKENS, 4, 6, 2, WIDE),
    Case(
        "timm/vit_small_patch14_reg4_dinov2",
        (56, 84),
        "blocks.2.norm1",
        TOKENS,
        4,
        6,
        5,
        {"img_size": (56, 84), "depth": 3},
    ),
    Case("timm/vit_wee_patch16_reg1_gap_256", (64, 96), "blocks", TOKENS, 4, 6, 1, WIDE),
    Case("timm/vit_base_patch16_siglip_224", (64, 96), "norm", TOKENS, 4, 6, 0, WIDE | {"depth": 2}),
    Case("timm/eva02_tiny_patch14_224", (56, 84), "blocks.11", TOKENS, 4, 6, 1, {"img_size": (56, 84)}),
    Case("timm/cait_xxs24_224", (64, 96), "blocks_token_only.1.norm1", TOKENS, 4, 6, 1, WIDE | {"depth": 2}),
    Case("timm/pit_ti_224", (64, 96), "transformers.2.blocks.3.norm1", TOKENS, 2, 3, 1, WIDE),
    Case("timm/xcit_nano_12_p16_224", (64, 96), "cls_attn_blocks.1.norm1", TOKENS, 4, 6, 1),
    Case("timm/levit_128s", (224, 224), "stages", TOKENS, 4, 4),
    Case("timm/twins_pcpvt_small", (64, 96), "norm", TOKENS, 2, 3),
    Case("timm/mixer_s32_224", (64, 96), "norm", TOKENS, 2, 3, options=WIDE),
    Case("timm/resmlp_12_224", (64, 96), "norm", TOKENS, 4, 6, options=WIDE),
]


def built(case: Case) -> nn.Module:
    """Return the net with random weights, none of them zero: some heads and biases begin so."""
    library, name = case.model.split("/")
    if library == "timm":
        model = timm.create_model(name, num_classes=10, **case.options)
    else:
        model = getattr(torchvision.models, name)(num_classes=10, **case.options)
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return model.eval()


def as_grid(tensor: Tensor, case: Case) -> Tensor:
    """Return a tensor of the layer's shape as (B, c, h, w), by what the table says of it."""
    if case.layout == LAST:
        return tensor.permute(0, 3, 1, 2)
    if case.layout == TOKENS:
        return tensor[:, case.prefix :].mT.reshape(len(tensor), -1, case.h, case.w)
    return tensor


def by_autograd(model: nn.Module, images: Tensor, targets: Tensor, case: Case) -> Tensor:
    """Return Grad-CAM's signed map by a graph of the whole net."""
    kept = []

    def keep(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # densenet's ReLU after its last layer works in place

    handle = model.get_submodule(case.layer).register_forward_hook(keep)
    with torch.enable_grad():
        logits = model(images.clone().requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), kept[-1])
    activation, gradient = as_grid(kept[-1].detach(), case), as_grid(gradient, case)
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)


@pytest.mark.filterwarnings("ignore:The default weight initialization")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_layer_chosen_and_its_map(case):
    """The layer of the table, a map that is not zero, and within 1e-5 of its range what plain autograd gives."""
    model, images = built(case), torch.randn(2, 3, *case.size)
    with torch.no_grad():
        targets = model(images).argmax(1)
    found = grad_cam(model).explain(images, targets)
    assert (found.layer, tuple(found.raw.shape[1:])) == (case.layer, (case.h, case.w))
    assert found.raw.flatten(1).any(dim=1).all()
    expected = by_autograd(model, images, targets, case)
    assert (found.raw - expected).abs().max() < 1e-5 * expected.abs().max()


def test_table_holds_at_least_25_architectures_of_each_layout_some():
    """Of both libraries, convolutional, channels last and tokens, with none, one, two and five tokens in front."""
    assert len({case.model for case in CASES}) >= 25
    assert {case.model.split("/")[0] for case in CASES} == {"timm", "torchvision"}
    assert {case.layout for case in CASES} == {CONV, LAST, TOKENS}
    assert {case.prefix for case in CASES} == {0, 1, 2, 5}


@pytest.mark.parametrize(
    ("name", "layer", "reshape"),
    [
        ("vit_tiny_patch16_224", "blocks.11.norm1", lambda output: output[:, 1:].mT.unflatten(2, (4, 6))),
        ("swin_tiny_patch4_window7_224", "norm", lambda output: output.permute(0, 3, 1, 2)),
    ],
)
def test_maps_of_transformers_equal_pytorch_grad_cam_which_is_told_layer_and_shape(name, layer, reshape):
    """Within 1e-5 under its normalisation; no warning is given."""
    model, images = timm.create_model(name, num_classes=10, img_size=(64, 96)).eval(), torch.randn(2, 3, 64, 96)
    ours = grad_cam(model, normalize="minmax")(images, TARGETS)
    with GradCAM(model, [model.get_submodule(layer)], reshape_transform=reshape) as cam:
        theirs = cam(images, [ClassifierOutputTarget(int(target)) for target in TARGETS])
    assert (ours - torch.from_numpy(theirs)).abs().max() < 1e-5
