"""cvkit: train, diagnose and explain image classifiers from one recipe, every part from a plugin.

The names a plugin's declaration needs are here at once; names that need torch load on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    AmbiguousComponent,
    CheckpointError,
    ComponentError,
    ComponentFailure,
    CvkitError,
    DataError,
    DivergedError,
    MachineError,
    NameTaken,
    PluginError,
    RecipeError,
    RunError,
    UnknownComponent,
    one_line,
)
from .host.component import KINDS, Component, Kind, Origin
from .host.hookspecs import hookimpl

if TYPE_CHECKING:
    from .data.splits import DataInfo, Split, Splits, TensorSplit
    from .engine.eval_mode import evaluation_mode
    from .engine.factories import (
        AugmentationFactory,
        DatasetFactory,
        ExplainerFactory,
        LossFactory,
        ModelFactory,
        OptimizerFactory,
        SchedulerFactory,
        TunerFactory,
    )
    from .engine.records import Predictions, Record
    from .engine.run import Run
    from .engine.step_plan import Plan
    from .engine.trial import Proposal, Trial
    from .host.catalog import Catalog
    from .host.discovery import discover
    from .protocols import Augmentation, Explainer, SampleAugmentation
    from .recipe import Recipe, read, resolve
    from .runs.folder import RunFolder
    from .seeding import derive, permutation, preserved_randomness, seed_everything

_LAZY = {
    "Catalog": "host.catalog",
    "discover": "host.discovery",
    "Recipe": "recipe",
    "read": "recipe",
    "resolve": "recipe",
    "DataInfo": "data.splits",
    "Split": "data.splits",
    "Splits": "data.splits",
    "TensorSplit": "data.splits",
    "evaluation_mode": "engine.eval_mode",
    "Plan": "engine.step_plan",
    "Augmentation": "protocols",
    "AugmentationFactory": "engine.factories",
    "DatasetFactory": "engine.factories",
    "Explainer": "protocols",
    "ExplainerFactory": "engine.factories",
    "LossFactory": "engine.factories",
    "ModelFactory": "engine.factories",
    "OptimizerFactory": "engine.factories",
    "SampleAugmentation": "protocols",
    "SchedulerFactory": "engine.factories",
    "TunerFactory": "engine.factories",
    "Predictions": "engine.records",
    "Record": "engine.records",
    "Run": "engine.run",
    "Proposal": "engine.trial",
    "Trial": "engine.trial",
    "derive": "seeding",
    "permutation": "seeding",
    "preserved_randomness": "seeding",
    "seed_everything": "seeding",
    "RunFolder": "runs.folder",
}

__all__ = [
    "KINDS",
    "AmbiguousComponent",
    "Augmentation",
    "AugmentationFactory",
    "Catalog",
    "CheckpointError",
    "Component",
    "ComponentError",
    "ComponentFailure",
    "CvkitError",
    "DataError",
    "DataInfo",
    "DatasetFactory",
    "DivergedError",
    "Explainer",
    "ExplainerFactory",
    "Kind",
    "LossFactory",
    "MachineError",
    "ModelFactory",
    "NameTaken",
    "OptimizerFactory",
    "Origin",
    "Plan",
    "PluginError",
    "Predictions",
    "Proposal",
    "Recipe",
    "RecipeError",
    "Record",
    "Run",
    "RunError",
    "RunFolder",
    "SampleAugmentation",
    "SchedulerFactory",
    "Split",
    "Splits",
    "TensorSplit",
    "Trial",
    "TunerFactory",
    "UnknownComponent",
    "derive",
    "discover",
    "evaluation_mode",
    "hookimpl",
    "one_line",
    "permutation",
    "preserved_randomness",
    "read",
    "resolve",
    "seed_everything",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cvkit' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"cvkit.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
