"""Opens a run: the parts of a new run, the parts of an existing one, and the session of whichever a folder needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..data.places import DataRoot
from ..engine.assembly import build_parts
from ..engine.building import open_located
from ..engine.parts import RunParts
from ..host.catalog import Catalog
from ..recipe import Recipe, resolve
from ..world.world import World
from .data_folder import data_folder
from .folder import RunFolder
from .moved_data import open_run_data
from .provenance import drift_of, require_plugins
from .run_data import data_root_of
from .session import Session
from .together import require_joined


def build_run(recipe: Recipe, data: Path, world: World | None = None) -> RunParts:
    """Return the parts of a new run; raise an error if they do not fit together, before a folder is created."""
    require_joined(world)
    return build_parts(*open_located(recipe, data), world=world)


def rebuild_run(
    recipe: Recipe, data: DataRoot, folder: RunFolder, accept_changes: bool = False, world: World | None = None
) -> RunParts:
    """Return the parts of the run in `folder`, which are restored from its checkpoint if there is one."""
    require_joined(world)
    splits = open_run_data(recipe, data, lambda: None if accept_changes else folder.data_digest())
    restoring = folder.has_checkpoints()
    recorded = folder.pretrained_input() if restoring else None
    return build_parts(recipe, splits, restoring=restoring, recorded=recorded, world=world)


def has_begun(folder: RunFolder) -> bool:
    """Return whether a run in `folder` wrote its recipe, so that it is continued and not started."""
    return folder.recipe_path.is_file() or folder.has_checkpoints()


def reopen_session(folder: RunFolder, catalog: Catalog, data: Path | None, warn: Callable[[str], None]) -> Session:
    """Return the session that continues the run in `folder` with its own recipe.

    `data` is the data folder that the user named, if any. `warn` is called with a line for each component whose code
    changed, and if the data folder of the run cannot be used. Raises `RunError` if plugins of the run do not work.
    """
    require_plugins(folder.path, folder.info(), catalog, "add --plugin-path {}")
    for line in drift_of(folder.info(), catalog):
        warn(line)
    recipe = resolve(folder.document(), catalog)
    place = data_root_of(folder, recipe, data, warn)
    return Session(rebuild_run(recipe, place, folder), folder, place.path, catalog)


def open_session(
    folder: RunFolder, recipe: Recipe, catalog: Catalog, data: Path | None, warn: Callable[[str], None]
) -> Session:
    """Return the session of the run in `folder`: continued if it has begun, and otherwise a new run of `recipe`."""
    if has_begun(folder):
        return reopen_session(folder, catalog, data, warn)
    place = data_folder(data)
    return Session(build_run(recipe, place), folder, place, catalog)
