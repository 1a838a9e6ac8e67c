"""cvkit: train, diagnose and explain image classifiers from one recipe, every part from a plugin.

The names a plugin's declaration needs are here at once; names that need torch load on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .component import KINDS, Component, Kind, Origin
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
from .hookspecs import hookimpl

if TYPE_CHECKING:
    from .catalog import Catalog
    from .engine.data import DataInfo, Split, Splits, TensorSplit
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
    from .engine.metrics import Predictions, Record
    from .engine.modes import evaluation_mode
    from .engine.plan import Plan
    from .engine.protocols import Augmentation, Explainer, SampleAugmentation
    from .engine.run import Run
    from .engine.seeding import derive, permutation, preserved_randomness, seed_everything
    from .engine.trial import Proposal, Trial
    from .folder import RunFolder
    from .plugins import discover
    from .recipe import Recipe, read, resolve

_LAZY = {
    "Catalog": "catalog",
    "discover": "plugins",
    "Recipe": "recipe",
    "read": "recipe",
    "resolve": "recipe",
    "DataInfo": "engine.data",
    "Split": "engine.data",
    "Splits": "engine.data",
    "TensorSplit": "engine.data",
    "evaluation_mode": "engine.modes",
    "Plan": "engine.plan",
    "Augmentation": "engine.protocols",
    "AugmentationFactory": "engine.factories",
    "DatasetFactory": "engine.factories",
    "Explainer": "engine.protocols",
    "ExplainerFactory": "engine.factories",
    "LossFactory": "engine.factories",
    "ModelFactory": "engine.factories",
    "OptimizerFactory": "engine.factories",
    "SampleAugmentation": "engine.protocols",
    "SchedulerFactory": "engine.factories",
    "TunerFactory": "engine.factories",
    "Predictions": "engine.metrics",
    "Record": "engine.metrics",
    "Run": "engine.run",
    "Proposal": "engine.trial",
    "Trial": "engine.trial",
    "derive": "engine.seeding",
    "permutation": "engine.seeding",
    "preserved_randomness": "engine.seeding",
    "seed_everything": "engine.seeding",
    "RunFolder": "folder",
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
