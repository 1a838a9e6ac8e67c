"""Train, diagnose and explain image classifiers from one recipe, with components from plugins.

Every name is imported on first use (PEP 562), so `import cvkit` and the declaration of a plugin load little.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it, without the 15 ms of `typing`

if TYPE_CHECKING:
    from typing import Any

    from .allocator import Allocator, keep_freed_memory
    from .api.comparing import compare
    from .api.loading import load
    from .api.model import Model
    from .api.repeating import RepeatedRuns, repeat
    from .api.results import ExportedModel, TrainedRun
    from .api.searching import SearchResult, SearchTrial, search
    from .api.training import train, trainer
    from .batch_division import GlobalBatch, global_batch
    from .calibrating.result import CalibrationResult
    from .checkpoint.pretrained import PretrainedWeights, load_weights
    from .checkpoint.weights_file import WeightsFile, digest_of, read_weights
    from .comparison.comparison import Comparison
    from .data.account import DataAccount, ImageCount, LeftOut
    from .data.decoding import read_image
    from .data.framing import Framing, PretrainedInput
    from .data.image_formats import IMAGE_FORMATS
    from .data.image_headers import ImageHeader, largest_value, read_header
    from .data.input_files import read_input
    from .data.labels import ClassCounts, Labels
    from .data.reduction import Needed
    from .data.splits import DataInfo, Split, Splits, TensorSplit
    from .engine.abstention import Abstention
    from .engine.assembly import build_parts
    from .engine.background import Background
    from .engine.best_epoch import EarlyStopping, KeepBest
    from .engine.calibration import Calibration
    from .engine.callback import Callback, Decision, Goals
    from .engine.eval_mode import eval_mode
    from .engine.evaluator import Evaluator
    from .engine.factories import (
        AugmentationFactory,
        CallbackFactory,
        DatasetFactory,
        ExplainerFactory,
        LossFactory,
        MetricFactory,
        ModelFactory,
        ObserverFactory,
        OptimizerFactory,
        SamplerFactory,
        SchedulerFactory,
        TunerFactory,
    )
    from .engine.multi_label import MultiLabelPredictions
    from .engine.observer import Observer
    from .engine.orthogonalisation import orthogonalised
    from .engine.parts import RunParts
    from .engine.predictions import Predictions
    from .engine.proposal import Proposal
    from .engine.records import EpochRecord
    from .engine.step_plan import StepPlan
    from .engine.trainer import Step, Trainer
    from .engine.trial import Trial
    from .engine.usual_rate import usual_range
    from .errors import (
        AmbiguousComponent,
        CheckpointError,
        ComponentError,
        ComponentFailure,
        CvkitError,
        DataError,
        DeviceError,
        DivergedError,
        FolderError,
        MachineError,
        NameTaken,
        PluginError,
        RecipeError,
        RunError,
        UnknownComponent,
        one_line,
    )
    from .evaluation.evaluating import Evaluation
    from .export.certificate import Certificate
    from .export.classifier import ExportedClassifier
    from .export.exporter import Exporter, FileOutputs
    from .export.exporter_factory import ExporterFactory
    from .export.serving import ModelToExport, ServingModel
    from .figures.artifacts import Card, Figure, Gallery, Table
    from .figures.finding import Finding
    from .figures.page import Section
    from .figures.style import render_figure
    from .figures.thumbnails import thumbnail
    from .host.catalog import Catalog
    from .host.component import Command, Component, Origin
    from .host.discovery import discover
    from .host.markers import hookimpl
    from .kinds import KINDS, Kind
    from .phases import Phase, phase
    from .printable import composed_name, readable_name
    from .protocols import (
        Augmentation,
        Explainer,
        Metric,
        MixingAugmentation,
        PhotoCrop,
        SampleAugmentation,
        Sampler,
        TrainingOutputs,
    )
    from .recipe import Recipe, read, resolve
    from .report.section_factory import SectionFactory
    from .runs.external_run import ExternalRun
    from .runs.folder import RunFolder
    from .seeding import derive, permutation, preserved_randomness, seed_everything
    from .step_progress import Progress, progress

_LAZY = {
    "Allocator": "allocator",
    "keep_freed_memory": "allocator",
    "compare": "api.comparing",
    "Comparison": "comparison.comparison",
    "train": "api.training",
    "trainer": "api.training",
    "repeat": "api.repeating",
    "RepeatedRuns": "api.repeating",
    "search": "api.searching",
    "SearchResult": "api.searching",
    "SearchTrial": "api.searching",
    "load": "api.loading",
    "Model": "api.model",
    "TrainedRun": "api.results",
    "ExportedModel": "api.results",
    "Catalog": "host.catalog",
    "Command": "host.component",
    "Component": "host.component",
    "Origin": "host.component",
    "discover": "host.discovery",
    "hookimpl": "host.markers",
    "KINDS": "kinds",
    "Kind": "kinds",
    "AmbiguousComponent": "errors",
    "CheckpointError": "errors",
    "ComponentError": "errors",
    "ComponentFailure": "errors",
    "CvkitError": "errors",
    "DataError": "errors",
    "DeviceError": "errors",
    "DivergedError": "errors",
    "FolderError": "errors",
    "MachineError": "errors",
    "NameTaken": "errors",
    "PluginError": "errors",
    "RecipeError": "errors",
    "RunError": "errors",
    "UnknownComponent": "errors",
    "one_line": "errors",
    "Recipe": "recipe",
    "read": "recipe",
    "resolve": "recipe",
    "DataAccount": "data.account",
    "Framing": "data.framing",
    "IMAGE_FORMATS": "data.image_formats",
    "ImageHeader": "data.image_headers",
    "ClassCounts": "data.labels",
    "Labels": "data.labels",
    "ImageCount": "data.account",
    "LeftOut": "data.account",
    "Needed": "data.reduction",
    "PhotoCrop": "protocols",
    "PretrainedInput": "data.framing",
    "PretrainedWeights": "checkpoint.pretrained",
    "WeightsFile": "checkpoint.weights_file",
    "composed_name": "printable",
    "digest_of": "checkpoint.weights_file",
    "largest_value": "data.image_headers",
    "load_weights": "checkpoint.pretrained",
    "read_header": "data.image_headers",
    "read_image": "data.decoding",
    "read_input": "data.input_files",
    "read_weights": "checkpoint.weights_file",
    "readable_name": "printable",
    "DataInfo": "data.splits",
    "Split": "data.splits",
    "Splits": "data.splits",
    "TensorSplit": "data.splits",
    "Background": "engine.background",
    "Abstention": "engine.abstention",
    "Calibration": "engine.calibration",
    "CalibrationResult": "calibrating.result",
    "eval_mode": "engine.eval_mode",
    "StepPlan": "engine.step_plan",
    "Augmentation": "protocols",
    "AugmentationFactory": "engine.factories",
    "Callback": "engine.callback",
    "CallbackFactory": "engine.factories",
    "Decision": "engine.callback",
    "EarlyStopping": "engine.best_epoch",
    "Goals": "engine.callback",
    "KeepBest": "engine.best_epoch",
    "DatasetFactory": "engine.factories",
    "Explainer": "protocols",
    "ExplainerFactory": "engine.factories",
    "LossFactory": "engine.factories",
    "Metric": "protocols",
    "MixingAugmentation": "protocols",
    "MetricFactory": "engine.factories",
    "ModelFactory": "engine.factories",
    "Observer": "engine.observer",
    "ObserverFactory": "engine.factories",
    "OptimizerFactory": "engine.factories",
    "SampleAugmentation": "protocols",
    "TrainingOutputs": "protocols",
    "Sampler": "protocols",
    "SamplerFactory": "engine.factories",
    "SchedulerFactory": "engine.factories",
    "TunerFactory": "engine.factories",
    "MultiLabelPredictions": "engine.multi_label",
    "Predictions": "engine.predictions",
    "EpochRecord": "engine.records",
    "RunParts": "engine.parts",
    "build_parts": "engine.assembly",
    "Trainer": "engine.trainer",
    "Step": "engine.trainer",
    "Evaluation": "evaluation.evaluating",
    "Evaluator": "engine.evaluator",
    "Proposal": "engine.proposal",
    "Trial": "engine.trial",
    "orthogonalised": "engine.orthogonalisation",
    "usual_range": "engine.usual_rate",
    "Phase": "phases",
    "phase": "phases",
    "Progress": "step_progress",
    "progress": "step_progress",
    "GlobalBatch": "batch_division",
    "global_batch": "batch_division",
    "derive": "seeding",
    "permutation": "seeding",
    "preserved_randomness": "seeding",
    "seed_everything": "seeding",
    "ExternalRun": "runs.external_run",
    "RunFolder": "runs.folder",
    "Card": "figures.artifacts",
    "Figure": "figures.artifacts",
    "Gallery": "figures.artifacts",
    "Finding": "figures.finding",
    "Section": "figures.page",
    "SectionFactory": "report.section_factory",
    "Table": "figures.artifacts",
    "render_figure": "figures.style",
    "thumbnail": "figures.thumbnails",
    "Certificate": "export.certificate",
    "ExportedClassifier": "export.classifier",
    "Exporter": "export.exporter",
    "FileOutputs": "export.exporter",
    "ExporterFactory": "export.exporter_factory",
    "ModelToExport": "export.serving",
    "ServingModel": "export.serving",
}

__all__ = [
    "IMAGE_FORMATS",
    "KINDS",
    "Abstention",
    "Allocator",
    "AmbiguousComponent",
    "Augmentation",
    "AugmentationFactory",
    "Background",
    "Calibration",
    "CalibrationResult",
    "Callback",
    "CallbackFactory",
    "Card",
    "Catalog",
    "Certificate",
    "CheckpointError",
    "ClassCounts",
    "Command",
    "Comparison",
    "Component",
    "ComponentError",
    "ComponentFailure",
    "CvkitError",
    "DataAccount",
    "DataError",
    "DataInfo",
    "DatasetFactory",
    "Decision",
    "DeviceError",
    "DivergedError",
    "EarlyStopping",
    "EpochRecord",
    "Evaluation",
    "Evaluator",
    "Explainer",
    "ExplainerFactory",
    "ExportedClassifier",
    "ExportedModel",
    "Exporter",
    "ExporterFactory",
    "ExternalRun",
    "Figure",
    "FileOutputs",
    "Finding",
    "FolderError",
    "Framing",
    "Gallery",
    "GlobalBatch",
    "Goals",
    "ImageCount",
    "ImageHeader",
    "KeepBest",
    "Kind",
    "Labels",
    "LeftOut",
    "LossFactory",
    "MachineError",
    "Metric",
    "MetricFactory",
    "MixingAugmentation",
    "Model",
    "ModelFactory",
    "ModelToExport",
    "MultiLabelPredictions",
    "NameTaken",
    "Needed",
    "Observer",
    "ObserverFactory",
    "OptimizerFactory",
    "Origin",
    "Phase",
    "PhotoCrop",
    "PluginError",
    "Predictions",
    "PretrainedInput",
    "PretrainedWeights",
    "Progress",
    "Proposal",
    "Recipe",
    "RecipeError",
    "RepeatedRuns",
    "RunError",
    "RunFolder",
    "RunParts",
    "SampleAugmentation",
    "Sampler",
    "SamplerFactory",
    "SchedulerFactory",
    "SearchResult",
    "SearchTrial",
    "Section",
    "SectionFactory",
    "ServingModel",
    "Split",
    "Splits",
    "Step",
    "StepPlan",
    "Table",
    "TensorSplit",
    "TrainedRun",
    "Trainer",
    "TrainingOutputs",
    "Trial",
    "TunerFactory",
    "UnknownComponent",
    "WeightsFile",
    "build_parts",
    "compare",
    "composed_name",
    "derive",
    "digest_of",
    "discover",
    "eval_mode",
    "global_batch",
    "hookimpl",
    "keep_freed_memory",
    "largest_value",
    "load",
    "load_weights",
    "one_line",
    "orthogonalised",
    "permutation",
    "phase",
    "preserved_randomness",
    "progress",
    "read",
    "read_header",
    "read_image",
    "read_input",
    "read_weights",
    "readable_name",
    "render_figure",
    "repeat",
    "resolve",
    "search",
    "seed_everything",
    "thumbnail",
    "train",
    "trainer",
    "usual_range",
]


_RENAMED = {"Plan": "StepPlan", "Record": "EpochRecord", "Run": "RunParts", "evaluation_mode": "eval_mode"}
"""Names from before version 0.2, which plugins may still use, and their new names."""


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        import warnings

        new = _RENAMED[name]
        hint = "; create one with cvkit.build_parts and train it with cvkit.Trainer" if name == "Run" else ""
        warnings.warn(f"cvkit.{name} was renamed to cvkit.{new}{hint}", DeprecationWarning, stacklevel=2)
        return __getattr__(new)
    if name not in _LAZY:
        raise AttributeError(f"module 'cvkit' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"cvkit.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
