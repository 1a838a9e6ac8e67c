"""The exporters that a user names: framing and integers are options of those that support them."""

from __future__ import annotations

import pytest

from cvkit import RecipeError
from cvkit.export.choosing import Names, with_exporters

NAMES = Names("--to", "--option", "--framing")


@pytest.fixture
def choose(model):
    """Choose exporters for the run."""

    def choose(*chosen, **options):
        folder = model._folder
        recipe = with_exporters(model.recipe, folder.document, model._catalog, chosen, names=NAMES, **options)
        return [(part.entry.id, part.options) for part in recipe.exporters]

    return choose


def test_default_is_onnx_without_framing(choose):
    """In floats."""
    assert choose() == [("export/onnx", {"opset": 18, "framing": "outside"})]


def test_framing_is_an_option_of_each_exporter(choose):
    """Beside the other options."""
    assert choose("onnx", framing="in-graph", options=("opset=20",)) == [
        ("export/onnx", {"opset": 20, "framing": "in-graph"})
    ]
    assert choose("{name: onnx, framing: in-graph}", framing="outside")[0][1]["framing"] == "outside"


def test_quantized_onnx_has_the_same_options(choose):
    """It is the exporter onnx_int8, whether it is named or not."""
    expected = [("export/onnx_int8", {"opset": 20, "framing": "in-graph", "ranges": "minmax"})]
    assert choose("{name: onnx, opset: 20}", quantize=True, framing="in-graph") == expected
    assert choose(quantize=True, options=("opset=20", "framing=in-graph")) == expected
    assert choose("{name: onnx_int8, ranges: entropy}", quantize=True)[0][1]["ranges"] == "entropy"


@pytest.mark.parametrize(
    ("chosen", "options", "words"),
    [
        (("torch",), {"framing": "in-graph"}, "export/torch' cannot contain the framing"),
        (("onnx", "hub"), {"framing": "in-graph"}, "these can: export/onnx, export/onnx_int8"),
        (("torch",), {"quantize": True}, "'export/torch' has no form in 8-bit integers"),
        (("onnx",), {"framing": "in-grap"}, "in-graph"),
    ],
)
def test_exporters_that_cannot_are_refused(choose, chosen, options, words):
    """With those that can."""
    with pytest.raises(RecipeError) as refusal:
        choose(*chosen, **options)
    assert words in str(refusal.value)


def test_framing_outside_is_what_others_do(choose):
    """So asking for it is no mistake."""
    assert choose("torch", framing="outside") == [("export/torch", {})]
