"""cvkit's own processes train without loading the compiler of torch, and compute the same."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import small

LOADED = """
import json, sys
print(json.dumps([name for name in ("torch._dynamo", "triton", "sympy") if name in sys.modules]))
"""
COMPUTED = """
import hashlib, json, sys, torch
from torch import nn
from cvkit.compiler_import import about_to_train, avoid_compiler_import
if sys.argv[1] == "avoided":
    avoid_compiler_import()
about_to_train()
from torch.utils.flop_counter import FlopCounterMode
found = {}
with FlopCounterMode(display=False) as counter:
    nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 8))
found["flops"] = counter.get_total_flops()
for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Adamax", "ASGD", "Rprop", "Adadelta", "RAdam"):
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
    digest = hashlib.sha256()
    for step in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 5)).square().sum().backward()
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
        digest.update(model.weight.detach().numpy().tobytes())
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    found[name] = [digest.hexdigest(), len(optimizer.param_groups), torch.is_grad_enabled()]
weight = torch.ones(2, requires_grad=True)
copy = weight.clone()
differentiable = torch.optim.SGD([copy], lr=0.1, differentiable=True)
copy.grad = weight * 3
differentiable.step()
found["differentiable"] = copy.requires_grad and copy.grad_fn is not None
found["loaded"] = [name for name in ("torch._dynamo", "triton", "sympy") if name in sys.modules]
forward = torch.compile(nn.Linear(2, 2), backend="eager")
found["compiled"] = list(forward(torch.ones(1, 2)).shape)
print(json.dumps(found))
"""


def outcome(code: str, *arguments: str) -> Any:
    """Run the code in a new process, and return the JSON of its last line."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_run_with_its_report_does_not_load_the_compiler(tmp_path):
    """Training, evaluation, explanation, the count of FLOPs and the report."""
    (tmp_path / "small.yaml").write_text(small.RECIPE)
    options = f"'run', '{tmp_path}/small.yaml', '--set', 'train.epochs=1', '--output', '{tmp_path}'"
    ends = "atexit.register(print_loaded)"
    code = f"import atexit\nfrom cvkit.cli import main\nsys.argv = ['cvkit', {options}]\n{ends}\nmain()"
    head = f"import sys\ndef print_loaded():\n    exec({LOADED!r})\n"
    assert outcome(head + code) == []
    page = next(tmp_path.glob("*/report.html")).read_text()
    assert "could not be counted" not in page


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    """What torch computes with and without the compiler loaded."""
    return {way: outcome(COMPUTED, way) for way in ("avoided", "usual")}


def test_optimizers_and_the_counter_compute_the_same(computed):
    """To the bit, and gradients stay enabled or disabled as torch leaves them."""
    avoided, usual = (dict(computed[way]) for way in ("avoided", "usual"))
    assert avoided.pop("loaded") == []
    assert "torch._dynamo" in usual.pop("loaded")
    assert avoided == usual
    assert usual["differentiable"]


def test_models_can_still_be_compiled(computed):
    """After the optimizers have run without the compiler."""
    assert computed["avoided"]["compiled"] == [1, 2]
