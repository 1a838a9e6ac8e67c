"""What discovery records of the built-in plugins, and of one that a test installs."""

from __future__ import annotations

from cvkit.host.catalog import Catalog, PluginStatus

BUILT_IN = [
    *(
        "datasets",
        "export",
        "gradcam",
        "kornia",
        "metrics",
        "mlflow",
        "onecycle",
        "resnet",
        "speedrun",
        "tensorboard",
        "timm",
        "torch",
    ),
    *("torchvision", "wandb"),
]
GOOD = """
@hookimpl
def cvkit_models():
    yield Component("acme_net", "nowhere:net", "A net")
"""


def status(catalog: Catalog, plugin: str) -> PluginStatus:
    """The one status that discovery recorded for a plugin."""
    (found,) = [status for status in catalog.statuses if status.origin.plugin == plugin]
    return found
