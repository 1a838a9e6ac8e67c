"""Test tools for plugin authors: a suite of checks for each kind of component, and a host that runs recipes.

Subclass a suite and name your component; pytest runs the checks. Everything is loaded on first use (PEP 562), because
pytest imports this package in every session of an environment that contains cvkit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .augmentations import AugmentationSuite
    from .callbacks import CallbackSuite
    from .contract import ContractBroken
    from .datasets import DatasetSuite
    from .explainers import ExplainerSuite
    from .exporters import ExporterSuite
    from .host import Host, Result
    from .import_cost import assert_light_declaration
    from .losses import LossSuite
    from .metrics import MetricSuite
    from .models import ModelSuite
    from .observers import ObserverSuite
    from .optimizers import OptimizerSuite
    from .sample_parts import sample_info
    from .samplers import SamplerSuite
    from .schedulers import SchedulerSuite
    from .sections import SectionSuite
    from .suite import Suite
    from .tuners import TunerSuite

_HOMES = {
    "AugmentationSuite": "augmentations",
    "CallbackSuite": "callbacks",
    "ContractBroken": "contract",
    "DatasetSuite": "datasets",
    "ExplainerSuite": "explainers",
    "ExporterSuite": "exporters",
    "Host": "host",
    "LossSuite": "losses",
    "MetricSuite": "metrics",
    "ModelSuite": "models",
    "ObserverSuite": "observers",
    "OptimizerSuite": "optimizers",
    "Result": "host",
    "SamplerSuite": "samplers",
    "SchedulerSuite": "schedulers",
    "SectionSuite": "sections",
    "Suite": "suite",
    "TunerSuite": "tuners",
    "assert_light_declaration": "import_cost",
    "sample_info": "sample_parts",
}

__all__ = [
    "AugmentationSuite",
    "CallbackSuite",
    "ContractBroken",
    "DatasetSuite",
    "ExplainerSuite",
    "ExporterSuite",
    "Host",
    "LossSuite",
    "MetricSuite",
    "ModelSuite",
    "ObserverSuite",
    "OptimizerSuite",
    "Result",
    "SamplerSuite",
    "SchedulerSuite",
    "SectionSuite",
    "Suite",
    "TunerSuite",
    "assert_light_declaration",
    "sample_info",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cvkit.testing' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"cvkit.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
