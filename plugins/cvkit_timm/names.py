"""List the models and optimizers of timm from its source: importing timm takes seconds and loads torch."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

_REGISTERED = re.compile(r"\n@register_model\b.*\n(?:@.*\n)*def (\w+)\(")  # fixed text first: fast


def names() -> list[str]:
    """Return the sorted names of timm's models, without deprecated aliases, like ``timm.list_models()``."""
    package = importlib.util.find_spec("timm")
    if package is None or package.origin is None:
        return []
    files = (Path(package.origin).parent / "models").rglob("*.py")
    return sorted({name for file in files for name in _REGISTERED.findall(file.read_text(encoding="utf-8"))})


_LEFT_OUT = {
    "Adahessian",  # needs second derivatives, which a training step does not compute
    "AdafactorBigVision",  # has a dtype in its groups, which a checkpoint cannot store
    "Kron",  # draws from generators of its own, whose state it does not save
    "MADGRAD",  # moves weights with a learning rate of 0
}
"""Classes of optimizers that break the contract, as `OptimizerSuite` says."""


def optimizer_names() -> list[str]:
    """Return the sorted names of timm's optimizers that a run can use, by reading the source of timm's registry.

    The classes in `_LEFT_OUT` are missing, and so are the optimizers of apex and bitsandbytes, which timm does not
    contain.
    """
    package = importlib.util.find_spec("timm")
    registry = Path(package.origin).parent / "optim" / "_optim_factory.py" if package and package.origin else None
    if registry is None or not registry.is_file():  # timm before 1.0.12
        return []
    found = set()
    for node in ast.walk(ast.parse(registry.read_bytes())):
        match node:
            case ast.Call(func=ast.Name(id="OptimInfo"), keywords=keywords):
                given = {keyword.arg: keyword.value for keyword in keywords}
                match given.get("name"), given.get("opt_class"):
                    case ast.Constant(value=str(name)), ast.Name(id=kind) | ast.Attribute(attr=kind):
                        found |= set() if kind in _LEFT_OUT else {name}
    return sorted(found)


_SGD, _ADAM = (0.03, 1.0), (3e-4, 2e-2)
_USUAL = {
    **dict.fromkeys(("sgd", "momentum"), _SGD),  # as torch/sgd, whose docstring has the sources
    **dict.fromkeys(("adam", "adamw", "nadam", "nadamw", "radam"), _ADAM),  # as torch/adamw
    "lamb": (1e-3, 2e-2),  # Wightman et al. 2021, "ResNet strikes back", arXiv:2110.00476: 5e-3 to 8e-3
    "lion": (3e-5, 5e-3),  # Chen et al. 2023, arXiv:2302.06675: a third to a tenth of AdamW's
    "adan": (1e-3, 3e-2),  # Xie et al. 2022, arXiv:2208.06677: five to ten times Adam's, up to 1.5e-2
}


def usual_lr(name: str) -> tuple[float, float] | None:
    """Return the lowest and highest peak learning rate with which an optimizer usually trains well, if known."""
    return _USUAL.get(name)
