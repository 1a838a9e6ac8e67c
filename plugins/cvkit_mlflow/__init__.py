"""Declare the observer `mlflow`, which reports runs to MLflow; requires the package mlflow or mlflow-skinny."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_observers() -> Iterator[Component]:
    """Declare the observer."""
    yield Component(
        "mlflow",
        "cvkit_mlflow.observer:MlflowObserver",
        summary="Reports a run to MLflow, on a server or in a local store",
        requires=("mlflow-skinny>=2.20",),  # the package mlflow requires it too
    )
