"""The kinds of component, one file for each; code that depends on the kinds is derived from them."""

from __future__ import annotations

from .augmentations import AUGMENTATIONS
from .callbacks import CALLBACKS
from .datasets import DATASETS
from .explainers import EXPLAINERS
from .exporters import EXPORTERS
from .kind import Kind, Template, load
from .losses import LOSSES
from .metrics import METRICS
from .models import MODELS
from .observers import OBSERVERS
from .optimizers import OPTIMIZERS
from .samplers import SAMPLERS
from .schedulers import SCHEDULERS
from .sections import SECTIONS
from .tuners import TUNERS

__all__ = ["KINDS", "Kind", "Template", "load"]

_KINDS = (
    *(DATASETS, SAMPLERS, AUGMENTATIONS, MODELS, LOSSES, OPTIMIZERS, SCHEDULERS),
    *(CALLBACKS, TUNERS, METRICS, EXPLAINERS, SECTIONS, OBSERVERS, EXPORTERS),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""The kinds by name, in the order of recipes and lists."""
