"""A host for tests: a catalog without the other plugins of the environment, and runs in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.assembly import build_parts
from ..engine.building import open_located
from ..engine.predictions import Predictions
from ..engine.records import EpochRecord
from ..host.catalog import Catalog
from ..host.component import Origin
from ..host.discovery import discover
from ..host.entry_points import CORE
from ..recipe import Recipe, read_any, resolve
from ..runs.execute import Reported, execute, noted_end
from ..runs.folder import RunFolder
from ..runs.session import Session


@dataclass(frozen=True)
class Result:
    """The results of a run.

    Attributes:
        recipe: The resolved recipe, with the values that tuners set.
        records: One record per epoch.
        predictions: The final predictions for the test images.
        folder: The run folder.
        report: The report in the run folder.
        warnings: The warnings in the report.
    """

    recipe: Recipe
    records: list[EpochRecord]
    predictions: Predictions
    folder: Path
    report: Path
    warnings: list[str]


class Host:
    """cvkit with its own plugins and with added plugins, and without all others.

    It ignores ``CVKIT_DISABLE_PLUGINS``, so a host is the same in every environment.

    Args:
        folder: The folder for runs and data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._added: dict[str, object] = {}

    def add(self, name: str, plugin: object) -> None:
        """Add a plugin.

        Args:
            name: The name that the plugin would have if it were installed.
            plugin: A module, or any object with hooks.

        Raises:
            PluginError: The declaration breaks the contract, or the name is already used.
        """
        catalog = self.catalog()
        _admit(catalog, name, plugin)
        self._added[name] = plugin

    def catalog(self, disabled: tuple[str, ...] = ()) -> Catalog:
        """Return the catalog of cvkit's own plugins and the added plugins.

        Args:
            disabled: Names of plugins to leave out.

        Returns:
            A new catalog.
        """
        catalog = discover(disabled, distributions=[CORE], environment=False)
        for name, plugin in self._added.items():
            if name not in disabled:
                _admit(catalog, name, plugin)
        return catalog

    def list(self, kind: str | None = None) -> list[str]:
        """Return the full ids of components, sorted.

        Args:
            kind: A kind such as ``"models"``, or None for all kinds.

        Returns:
            The ids.
        """
        return sorted(entry.id for entry in self.catalog().entries() if kind in (None, entry.kind.name))

    def run(self, recipe: str | Path | Mapping[str, Any], *overrides: str, data: Path | None = None) -> Result:
        """Run a recipe and return the results.

        Args:
            recipe: The path of a recipe, its text, or a mapping.
            overrides: Values as for ``--set``, such as ``"train.epochs=1"``.
            data: The data folder; by default, an empty folder in the host's folder.

        Returns:
            The results of the run.

        Raises:
            CvkitError: The recipe is not valid, or the run fails.
        """
        document = read_any(recipe, overrides)
        catalog = self.catalog(document.disabled)
        checked = resolve(document, catalog)
        data = data or self.folder / "data"
        parts = build_parts(*open_located(checked, data))
        session = Session(parts, RunFolder.create(self.folder / "runs", checked.name), data, catalog)
        with noted_end(session):
            reports = [event.path for event in execute(session) if isinstance(event, Reported)]
        return Result(
            recipe=session.recipe,
            records=session.folder.records(),
            predictions=session.trainer.final_predictions(),
            folder=session.folder.path,
            report=reports[0],
            warnings=list(dict.fromkeys(session.warnings)),
        )


def _admit(catalog: Catalog, name: str, plugin: object) -> None:
    catalog.admit(Origin(name, "in-process", "0"), plugin)
